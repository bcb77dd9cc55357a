// Which end began a connection, as seen by the data path. Connection tracking may have it reversed: after its table was
// flushed, the first packet it saw may have been a reply.

import type { Flow, FlowKey } from '../../datapath/generated.ts';
import { flowDirection } from '../../datapath/generated.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import { mappedBytes } from '../../net/address.ts';
import { protocols } from '../../net/protocol.ts';

type Beginning = Pick<Flow, 'initiator' | 'tcpFlags'>;

const syn = 0x02;

/** True: the destination of the tracked connection began it. Undefined: the data path has not seen its beginning. */
export function beganByDestination(
  flows: { get(key: FlowKey): Beginning | undefined },
  entry: ConntrackEntry,
): boolean | undefined {
  const { protocol, original } = entry;
  const { source, sourcePort, destination, destinationPort } = original;
  if (sourcePort === undefined || destinationPort === undefined) return undefined;
  const order = Buffer.compare(mappedBytes(source), mappedBytes(destination));
  const isSourceLow = order < 0 || (order === 0 && sourcePort <= destinationPort);
  const key: FlowKey = isSourceLow
    ? { low: source, high: destination, lowPort: sourcePort, highPort: destinationPort, protocol }
    : { low: destination, high: source, lowPort: destinationPort, highPort: sourcePort, protocol };
  const flow = flows.get(key);
  if (flow === undefined || !hasSeenBeginning(flow, entry)) return undefined;
  return (flow.initiator === flowDirection.low) !== isSourceLow;
}

// The flow table is an LRU, and any pod's traffic may evict an entry. The next packet creates a new entry with its
// sender as initiator. For TCP, two SYNs are seen only at the beginning. Other protocols have no such sign, so
// connections with traffic in both directions for a while are left alone.
function hasSeenBeginning({ tcpFlags }: Beginning, { protocol, status }: ConntrackEntry): boolean {
  if (protocol !== protocols.tcp) return !status.assured;
  return (tcpFlags[0] & tcpFlags[1] & syn) !== 0;
}

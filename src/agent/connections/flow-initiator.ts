// Which end began a connection, as the data path saw it. Connection tracking may have it the other way round: after its
// table was emptied, the first packet it saw was an answer.

import type { Flow, FlowKey } from '../../datapath/generated.ts';
import { flowDirection } from '../../datapath/generated.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import { mappedBytes } from '../../net/address.ts';
import { protocols } from '../../net/protocol.ts';

type Beginning = Pick<Flow, 'initiator' | 'tcpFlags'>;

const syn = 0x02;

/** True: the destination of the tracked connection began it. Undefined: the data path has not seen it begin. */
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

// The flow table is an LRU, and any pod's traffic may push an entry out. The next packet makes a new one, whose initiator is
// its sender. Both SYNs are seen at the beginning of a TCP connection only. Nothing shows that of other protocols: what has
// gone on for a while in both directions is left alone.
function hasSeenBeginning({ tcpFlags }: Beginning, { protocol, status }: ConntrackEntry): boolean {
  if (protocol !== protocols.tcp) return !status.assured;
  return (tcpFlags[0] & tcpFlags[1] & syn) !== 0;
}

// Which end began a connection, as the data path saw it. Connection tracking may have it the other way round: after its
// table was emptied, the first packet it saw was an answer.

import type { Flow, FlowKey } from '../datapath/generated.ts';
import { flowDirection } from '../datapath/generated.ts';
import type { ConntrackEntry } from '../kernel/conntrack-record.ts';
import { mappedBytes } from '../net/address.ts';

/** True: whoever is the destination of the tracked connection. Undefined: the data path does not know it (any more). */
export function beganByDestination(
  flows: { get(key: FlowKey): Pick<Flow, 'initiator'> | undefined },
  { protocol, original }: ConntrackEntry,
): boolean | undefined {
  const { source, sourcePort, destination, destinationPort } = original;
  if (sourcePort === undefined || destinationPort === undefined) return undefined;
  const order = Buffer.compare(mappedBytes(source), mappedBytes(destination));
  const isSourceLow = order < 0 || (order === 0 && sourcePort <= destinationPort);
  const key: FlowKey = isSourceLow
    ? { low: source, high: destination, lowPort: sourcePort, highPort: destinationPort, protocol }
    : { low: destination, high: source, lowPort: destinationPort, highPort: sourcePort, protocol };
  const flow = flows.get(key);
  if (flow === undefined) return undefined;
  return (flow.initiator === flowDirection.low) !== isSourceLow;
}

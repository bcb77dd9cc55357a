// What GC takes away: the endpoints of a network that its runtime does not list.

import type { GcRequest } from '../cni/request.ts';
import { type EndpointRecord, hostIfNameOf } from './records/record.ts';

/** Of records that do not say: the network that `heddle install-cni` has always written. */
const originalNetwork = 'heddle';

// Of one that was lost the network is not known: it may be another one's pod.
function networkOf({ network, isRecovered }: EndpointRecord): string | undefined {
  return network ?? (isRecovered === true ? undefined : originalNetwork);
}

/** None where the runtime gave no list: an oversight of a client must not cost every pod its network. */
export function staleRecords(
  records: readonly EndpointRecord[],
  { network, kept }: GcRequest,
): readonly EndpointRecord[] {
  if (kept === undefined) return [];
  const names = new Set(kept.map((attachment) => hostIfNameOf(attachment)));
  return records.filter((record) => networkOf(record) === network && !names.has(record.hostIfName));
}

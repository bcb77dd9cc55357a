// Selects the endpoints that GC removes: those of a network that its runtime does not list.

import type { GcRequest } from '../cni/request.ts';
import { type EndpointRecord, hostIfNameOf } from './records/record.ts';

/** For records without a network: the one that `heddle install-cni` has always written. */
const originalNetwork = 'heddle';

// The network of a lost record is unknown: it may be a pod of another one.
function networkOf({ network, isRecovered }: EndpointRecord): string | undefined {
  return network ?? (isRecovered === true ? undefined : originalNetwork);
}

/** Empty if the runtime passed no list: a client's omission must not cost every pod its network. */
export function staleRecords(
  records: readonly EndpointRecord[],
  { network, kept }: GcRequest,
): readonly EndpointRecord[] {
  if (kept === undefined) return [];
  const names = new Set(kept.map((attachment) => hostIfNameOf(attachment)));
  return records.filter((record) => networkOf(record) === network && !names.has(record.hostIfName));
}

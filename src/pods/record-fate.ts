// Decides about an endpoint's record when an agent starts: its interface may exist, be another one by now, or be
// missing.

import { existsSync } from 'node:fs';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { PodWiring } from './interface/wiring.ts';
import { corrected, isAsRecorded, type KernelRecords } from './records/lost-records.ts';
import type { EndpointStore } from './records/store.ts';

export type RecordFate =
  | { readonly kind: 'live'; readonly endpoint: LocalEndpoint; readonly mended?: string }
  /** `what`: state of its interface, as text. */
  | { readonly kind: 'stale'; readonly what: string }
  | { readonly kind: 'forgotten'; readonly reason: string };

export interface RecordWorld {
  readonly store: EndpointStore;
  readonly wiring: Pick<PodWiring, 'hostIfIndex'>;
  readonly kernel: KernelRecords;
  /** Endpoints adopted so far. */
  readonly live: readonly LocalEndpoint[];
}

/** An incorrect record is replaced by a correct one. */
export function fateOf(record: LocalEndpoint, world: RecordWorld): RecordFate {
  const { hostIfName, hostIfIndex, namespacePath } = record;
  const ifIndex = world.wiring.hostIfIndex(hostIfName, hostIfIndex);
  if (ifIndex === undefined) {
    if (existsSync(namespacePath)) return { kind: 'stale', what: 'is missing' };
    return { kind: 'forgotten', reason: 'its interface and its namespace no longer exist' };
  }
  if (ifIndex === hostIfIndex && isAsRecorded(record, world.kernel)) {
    return unlessTaken(record, world.live);
  }
  // The state served by the previous agent is right: a record that contradicts it comes from a backup or another node.
  const right = corrected(record, {
    ...world,
    isThere: (other) => world.wiring.hostIfIndex(other.hostIfName) !== undefined,
  });
  if (right !== undefined) {
    world.store.restore(right);
    const mended = `endpoint record of interface ${hostIfName} did not match the pod's interface in the kernel and was corrected`;
    return { kind: 'live', endpoint: right, mended };
  }
  const what =
    ifIndex === hostIfIndex
      ? 'has different addresses than the record'
      : `has index ${ifIndex} instead of ${hostIfIndex}`;
  return { kind: 'stale', what };
}

function unlessTaken(record: LocalEndpoint, live: readonly LocalEndpoint[]): RecordFate {
  const rival = live.find(({ addresses }) =>
    addresses.some((address) => record.addresses.includes(address)),
  );
  if (rival === undefined) return { kind: 'live', endpoint: record };
  return { kind: 'stale', what: `has an address of ${rival.hostIfName} in its record` };
}

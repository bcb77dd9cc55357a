// A node of the native network with a growing number of pods, and endpoints that report reads of their fields: with
// these, the cost of one more pod is counted instead of timed.

import { KeyedCollection } from '../../src/base/collections/collection.ts';
import { emptyClusterState } from '../../src/cluster/state.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import type { EndpointId, LocalEndpoint } from '../../src/model/endpoint.ts';
import { Model } from '../../src/model/model.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { parseMac } from '../../src/net/mac.ts';
import { addressAt, type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import { computeDesired } from './compute-desired.ts';

/** Room for 65,000 pods. */
export const podRanges: readonly Prefix[] = [
  parsePrefix('198.18.0.0/16'),
  parsePrefix('2001:db8:1::/64'),
];

const host = {
  uplinks: [{ ifIndex: 2 as IfIndex, name: 'eth0', mtuBytes: 1500, addresses: [] }],
};
const config = {
  nodeName: 'node-1',
  mode: 'native',
  masquerade: true,
  nonMasqueradeCidrs: [],
  vxlan: { port: 4789, vni: 1 },
} as const;
const node = { name: 'node-1', labels: {}, annotations: {}, podCidrs: podRanges, addresses: [] };
const cluster = { ...emptyClusterState, nodes: new Map([['node-1', node]]) };

export class GrowingNode {
  readonly endpoints: KeyedCollection<string, LocalEndpoint> = new KeyedCollection();
  readonly #model = new Model(config);

  /** What it should be with its endpoints. */
  desired(): DesiredState {
    return this.#model.compute({ cluster, endpoints: this.endpoints, host });
  }
}

/** What a node with these endpoints should be. */
export function desiredWith(endpoints: readonly LocalEndpoint[]): DesiredState {
  return computeDesired({ config, cluster, endpoints, host });
}

/** Calls `onRead` for each of its fields that is read. The first hundred addresses of a range are for later pods. */
export function watchedEndpoint(
  id: number,
  { hostIfName, onRead }: { readonly hostIfName: string; readonly onRead: () => void },
): LocalEndpoint {
  const endpoint: LocalEndpoint = {
    id: id as EndpointId,
    containerId: `container-${id}`,
    ifName: 'eth0',
    namespacePath: `/run/netns/${id}`,
    hostIfName,
    hostIfIndex: (id + 10) as IfIndex,
    mac: parseMac('02:00:5e:10:00:01'),
    addresses: podRanges.flatMap((range) => addressAt(range, BigInt(id + 100)) ?? []),
    mtuBytes: 1500,
    network: 'heddle',
    createdAt: '2026-01-01T00:00:00Z',
  };
  return new Proxy(endpoint, {
    get: (target, field) => {
      onRead();
      return Reflect.get(target, field);
    },
  });
}

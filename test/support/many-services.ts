// A cluster of many Services with four backends each, none of them shared.

import { SnapshotMap } from '../../src/base/collections/snapshot-map.ts';
import type { ClusterEndpointSlice, ClusterService } from '../../src/cluster/objects.ts';
import type { Address } from '../../src/net/address.ts';
import { endpointOf, serviceOf, sliceOf } from './service-objects.ts';

export interface ManyServices {
  readonly services: SnapshotMap<ClusterService>;
  readonly slices: SnapshotMap<ClusterEndpointSlice>;
}

export function manyServices(count: number): ManyServices {
  const services = new SnapshotMap<ClusterService>();
  const slices = new SnapshotMap<ClusterEndpointSlice>();
  for (let index = 0; index < count; index++) {
    const name = `s${index}`;
    const ends = `${(index >> 8) & 255}.${index & 255}`;
    const clusterAddresses = [`10.${96 + (index >> 16)}.${ends}` as Address];
    services.set(`shop/${name}`, serviceOf(name, { clusterAddresses, createdAt: index }));
    const backends = [1, 2, 3, 4].map((which) => endpointOf(`11.${which}.${ends}`));
    slices.set(`shop/${name}-a`, sliceOf(`${name}-a`, backends));
  }
  return { services, slices };
}

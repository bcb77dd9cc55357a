// A cluster of the API's objects, as the model of Services follows it.

import { memoize } from '../../src/base/memoize.ts';
import { readObject } from '../../src/cluster/kubernetes/resources.ts';
import type {
  ClusterEndpointSlice,
  ClusterNode,
  ClusterService,
} from '../../src/cluster/objects.ts';
import type { ClusterKind } from '../../src/cluster/parse-object.ts';
import type { ServiceContext } from '../../src/model/services/resolve.ts';
import type { ServicesModel, ServiceTables } from '../../src/model/services/services.ts';
import { takenAddresses } from '../../src/model/services/taken-addresses.ts';
import { parseAddress } from '../../src/net/address.ts';
import { hostPrefix } from '../../src/net/prefix.ts';
import type { ServiceWorld } from './service-oracle.ts';

const readers = {
  Node: reader<ClusterNode>('Node'),
  Service: reader<ClusterService>('Service'),
  EndpointSlice: reader<ClusterEndpointSlice>('EndpointSlice'),
};

// The same object is read once, so that a model sees what has changed.
function reader<T>(kind: ClusterKind): (raw: object) => T {
  return memoize((raw: object) => readObject(kind, 'shop/x', raw) as object as T);
}

function byName<Raw extends { readonly metadata: { readonly name: string } }, T>(
  all: readonly Raw[],
  read: (raw: Raw) => T,
  keyOf: (name: string) => string = (name) => `shop/${name}`,
): ReadonlyMap<string, T> {
  return new Map(all.map((raw) => [keyOf(raw.metadata.name), read(raw)]));
}

export interface FollowedWorld {
  readonly tables: ServiceTables;
  readonly context: ServiceContext;
}

export function followWorld(model: ServicesModel, world: ServiceWorld): FollowedWorld {
  const nodes = byName(world.nodes, readers.Node, (name) => name);
  const tables = model.follow({
    nodes,
    services: byName(world.services, readers.Service),
    endpointSlices: byName(world.slices, readers.EndpointSlice),
  });
  const apiServers = world.apiServers.map((text) => hostPrefix(parseAddress(text)));
  const occupied = apiServers.map((prefix) => ({ kind: 'api server', prefix }) as const);
  return {
    tables,
    context: {
      nodePortAddresses: nodes.get(world.node)?.addresses ?? [],
      taken: takenAddresses({ nodes, occupied }),
    },
  };
}

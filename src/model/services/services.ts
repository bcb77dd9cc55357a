// The Services of the cluster as this node must treat them. Each part follows its sources when it is read: a changed
// Service or slice costs what that Service has, however many others there are.

import type { Entries } from '../../base/collections/collection.ts';
import { groupBy, joinByKey } from '../../base/collections/joined.ts';
import { Mirror } from '../../base/collections/mirror.ts';
import { namespacedName } from '../../base/namespaced-name.ts';
import type { ClusterEndpointSlice, ClusterService } from '../../cluster/objects.ts';
import type { ClusterState } from '../../cluster/state.ts';
import { type Claim, FrontendClaims } from './claims.ts';
import { type CompiledService, compileService } from './compiled.ts';
import type { Place } from './selection.ts';

export interface ServiceTables {
  /** By `namespace/name`: Services that have frontends. */
  readonly compiled: Entries<string, CompiledService>;
  /** By the key of a frontend, or a cluster address: the claim that counts. */
  readonly owners: Entries<string, Claim>;
  /** What the others are made from. */
  readonly services: Entries<string, ClusterService>;
  readonly slices: Entries<string, ClusterEndpointSlice>;
}

export class ServicesModel {
  readonly #node: string;
  readonly #services = new Mirror<ClusterService>();
  readonly #slices = new Mirror<ClusterEndpointSlice>();
  readonly #owners = new FrontendClaims(this.#services.entries).owners;
  readonly #slicesOf = groupBy(this.#slices.entries, serviceOf);
  #place: Place;
  #compiled: Entries<string, CompiledService>;

  constructor(node: string) {
    this.#node = node;
    this.#place = { node };
    this.#compiled = this.#compile(this.#place);
  }

  /** The tables are the same objects unless this node's zone changes. */
  follow({
    nodes,
    services,
    endpointSlices,
  }: Pick<ClusterState, 'nodes' | 'services' | 'endpointSlices'>): ServiceTables {
    const zone = nodes.get(this.#node)?.zone;
    if (zone !== this.#place.zone) {
      this.#place = { node: this.#node, zone };
      this.#compiled = this.#compile(this.#place);
    }
    this.#services.follow(services);
    this.#slices.follow(endpointSlices);
    return {
      ...{ compiled: this.#compiled, owners: this.#owners },
      ...{ services: this.#services.entries, slices: this.#slices.entries },
    };
  }

  #compile(place: Place): Entries<string, CompiledService> {
    return joinByKey(this.#services.entries, this.#slicesOf, (service, slices) =>
      compileService(service, [...(slices?.values() ?? [])], place),
    );
  }
}

function serviceOf(slice: ClusterEndpointSlice): string | undefined {
  const { namespace, service: name, isUnproxied } = slice;
  if (name === undefined || isUnproxied === true) return undefined;
  return namespacedName({ namespace, name });
}

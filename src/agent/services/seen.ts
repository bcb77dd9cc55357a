// The Services as this node sees them, with what their rules depend on.

import { memoizeLast } from '../../base/memoize.ts';
import type { ClusterState } from '../../cluster/state.ts';
import type { CheckedNode } from '../../model/checked-node.ts';
import type { OccupiedRange } from '../../model/host.ts';
import type { ServiceContext } from '../../model/services/resolve.ts';
import type { ServicesModel, ServiceTables } from '../../model/services/services.ts';
import { takenAddresses } from '../../model/services/taken-addresses.ts';
import type { Address } from '../../net/address.ts';

/** The Services with what their rules depend on. */
export interface SeenServices {
  readonly tables: ServiceTables;
  readonly context: ServiceContext;
}

export interface SeenFrom {
  cluster(): Pick<ClusterState, 'nodes' | 'services' | 'endpointSlices'>;
  /** With their accepted addresses and pod ranges. */
  nodes(): ReadonlyMap<string, CheckedNode>;
  occupied(): readonly OccupiedRange[] | undefined;
  /** Addresses of this node. */
  own(): readonly Address[];
  /** Those at which the programs know node ports. */
  nodePorts(): readonly Address[];
}

/** Each call brings everything up to date. What has not changed is the same object as before. */
export function serviceLook(model: ServicesModel, from: SeenFrom): () => SeenServices {
  const taken = memoizeLast(
    (
      nodes: ReadonlyMap<string, CheckedNode>,
      occupied: readonly OccupiedRange[] | undefined,
      own: readonly Address[],
    ) => takenAddresses({ nodes, occupied, own }),
  );
  return () => {
    const nodes = from.nodes();
    const own = from.own();
    return {
      tables: model.follow(from.cluster()),
      context: {
        nodePortAddresses: from.nodePorts(),
        taken: taken(nodes, from.occupied(), own),
      },
    };
  };
}

// A plan of Services that tests change and follow, without a kernel.

import { SnapshotMap } from '../../src/base/collections/snapshot-map.ts';
import type { ClusterEndpointSlice, ClusterService } from '../../src/cluster/objects.ts';
import type {
  DesiredServices,
  FoundServices,
} from '../../src/model/services/plan/desired-services.ts';
import { clientBackends } from '../../src/model/services/plan/entries.ts';
import { ServicePlan, type ServicePlanOptions } from '../../src/model/services/plan/plan.ts';
import { ServicesModel } from '../../src/model/services/services.ts';
import { type TakenAddress, takenAddresses } from '../../src/model/services/taken-addresses.ts';
import { endpointOf, sliceOf } from './service-objects.ts';

const noneFound: FoundServices = { lists: [], portNumbers: new Map(), counts: new Map() };

export interface PlannedServices {
  readonly services: SnapshotMap<ClusterService>;
  readonly slices: SnapshotMap<ClusterEndpointSlice>;
  nowMs: number;
  taken: TakenAddress;
  plan: ServicePlan;
  add(service: ClusterService, ...addresses: readonly string[]): void;
  follow(): DesiredServices;
  /** Another agent that finds what this one has written. */
  restart(): void;
}

/** Endpoints with `.1.` in their address are on the node. */
export function plannedServices(options: Partial<ServicePlanOptions> = {}): PlannedServices {
  let model = new ServicesModel('n1');
  const services = new SnapshotMap<ClusterService>();
  const slices = new SnapshotMap<ClusterEndpointSlice>();
  const subject = {
    ...{ services, slices, nowMs: 0, taken: takenAddresses({ nodes: new Map() }) as TakenAddress },
    plan: planOf(options),
    add: (service: ClusterService, ...addresses: readonly string[]) => {
      const { namespace, name } = service;
      services.set(`${namespace}/${name}`, service);
      const endpoints = addresses.map((text) =>
        endpointOf(text, text.includes('.1.') ? { node: 'n1' } : {}),
      );
      slices.set(`${namespace}/${name}-a`, sliceOf(`${name}-a`, endpoints, { namespace }));
    },
    follow: (): DesiredServices => {
      const tables = model.follow({
        ...{ nodes: new Map(), services: services.snapshot() },
        endpointSlices: slices.snapshot(),
      });
      return subject.plan.follow(tables, { taken: subject.taken });
    },
    restart: () => {
      const { lists, frontends } = subject.follow();
      const numbers = Array.from(frontends, ([key, { number }]) => [key, number] as const);
      const counts = new Map(
        Array.from(frontends, ([key, entry]) => [key, clientBackends(entry)] as const),
      );
      const portNumbers = new Map(numbers.filter(([, number]) => number > 0));
      model = new ServicesModel('n1');
      subject.plan = planOf({
        ...options,
        found: { lists: [...lists.values()], portNumbers, counts },
      });
    },
  };
  function planOf(changed: Partial<ServicePlanOptions>): ServicePlan {
    return new ServicePlan({
      ...{ found: noneFound, isInKernel: () => false, now: () => subject.nowMs, ...changed },
    });
  }
  return subject;
}

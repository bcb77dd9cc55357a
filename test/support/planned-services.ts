// The plan and the tables of Services of one node, whose maps outlive its agent.

import assert from 'node:assert/strict';
import { maps as specs } from '../../src/datapath/generated.ts';
import type { GenerationMap } from '../../src/datapath/maps/generation.ts';
import { KernelLists } from '../../src/datapath/services/kernel-lists.ts';
import { foundServices, serviceTables } from '../../src/datapath/services/tables.ts';
import { BpfMap, type MapSpec } from '../../src/kernel/bpf/map.ts';
import type { MapCalls } from '../../src/kernel/bpf/map-calls.ts';
import type { DesiredServices } from '../../src/model/services/plan/desired-services.ts';
import { ServicePlan, type ServicePlanOptions } from '../../src/model/services/plan/plan.ts';
import type { ServiceContext } from '../../src/model/services/resolve.ts';
import type { ServiceTables } from '../../src/model/services/services.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import type { SettleReport } from '../../src/reconcile/status.ts';
import type { PlanOptions } from '../../src/reconcile/tracking.ts';
import type { ReadableServiceMaps } from './service-reader.ts';

export interface MapSizesWanted {
  readonly frontends?: number;
  readonly slots?: number;
  readonly sourceRanges?: number;
}

/** Without `calls`: in the kernel. */
export function serviceMaps(sizes: MapSizesWanted, calls?: MapCalls): ReadableServiceMaps {
  const noPreallocation = 1;
  const made = <K, V>(spec: MapSpec<K, V>, maxEntries = spec.maxEntries): BpfMap<K, V> =>
    BpfMap.create(
      { ...spec, maxEntries },
      { flags: noPreallocation, ...(calls === undefined ? {} : { calls }) },
    );
  return {
    frontends: made(specs.frontends, sizes.frontends),
    slots: made(specs.slots, sizes.slots),
    lookups: made(specs.lookups),
    sourceRanges: made(specs.sourceRanges, sizes.sourceRanges),
  };
}

function generationMap(): GenerationMap {
  let generation = 1;
  return {
    get: () => generation,
    set: (_, next) => {
      generation = next;
    },
  };
}

export class ServiceNode {
  readonly maps: ReadableServiceMaps;
  nowMs = 0;
  readonly generation: GenerationMap = generationMap();
  kernelLists: KernelLists = new KernelLists();
  readonly #options: Partial<ServicePlanOptions>;
  #plan: ServicePlan;
  #reconciler: Reconciler<DesiredServices>;
  #desired: DesiredServices | undefined;

  constructor(maps: ReadableServiceMaps, options: Partial<ServicePlanOptions> = {}) {
    this.maps = maps;
    this.#options = options;
    this.#plan = this.#newPlan();
    this.#reconciler = this.#newReconciler();
  }

  /** Of the last `follow`. */
  get desired(): DesiredServices {
    return this.#desired ?? assert.fail('nothing is followed yet');
  }

  /** Another agent with the same maps. */
  restart(): void {
    this.kernelLists = new KernelLists();
    this.#plan = this.#newPlan();
    this.#reconciler = this.#newReconciler();
  }

  follow(tables: ServiceTables, context: Pick<ServiceContext, 'taken'>): DesiredServices {
    this.#desired = this.#plan.follow(tables, context);
    return this.#desired;
  }

  settle(options: Partial<PlanOptions> = {}): Promise<SettleReport> {
    return this.#reconciler.settle(this.desired, { relist: false, prune: true, ...options });
  }

  #newPlan(): ServicePlan {
    return new ServicePlan({
      found: foundServices(this.maps),
      isInKernel: (list) => this.kernelLists.isUsed(list),
      now: () => this.nowMs,
      ...this.#options,
    });
  }

  #newReconciler(): Reconciler<DesiredServices> {
    const { kernelLists } = this;
    const maps = { ...this.maps, tableGeneration: this.generation };
    return new Reconciler(serviceTables({ maps, kernelLists }), { now: () => this.nowMs });
  }
}

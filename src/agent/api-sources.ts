// Collects the API's answers from the parts of the agent.

import type { Metrics } from '../observe/metrics.ts';
import type { AgentParts } from './parts.ts';
import type { ApiSources } from './server/api.ts';
import { measuredCni } from './server/cni-metrics.ts';
import { kernelView } from './views/kernel.ts';
import { dumpMap } from './views/maps.ts';
import type { Views } from './views/views.ts';

interface Served extends Pick<ApiSources, 'health' | 'metrics'> {
  /** Counts CNI requests. */
  readonly counts: Metrics;
}

export function apiSources(
  parts: AgentParts,
  views: Views,
  { health, metrics, counts }: Served,
): ApiSources {
  const { log, observer, pods, datapath, journal } = parts;
  const { status, endpoints, nodes, services, maps } = views;
  const cni = measuredCni({
    pods,
    log,
    journal,
    metrics: counts,
    onFailure: (failure) => parts.writer?.cniFailure(failure),
  });
  return {
    log,
    health,
    metrics,
    flows: observer.log,
    status,
    endpoints,
    nodes,
    services,
    maps: () => ({ maps: maps() }),
    kernel: kernelView,
    dumpMap: (name, limit) => dumpMap(datapath.maps, name, limit),
    cni,
  };
}

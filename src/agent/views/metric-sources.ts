// Sources of the agent's metrics.

import type { LogOutput } from '../../base/log-output.ts';
import type { Metrics } from '../../observe/metrics.ts';
import type { ServiceMetricValues } from '../../observe/service-values.ts';
import type { AgentParts } from '../parts.ts';
import type { ServiceParts } from '../service-parts.ts';
import { apiServerView } from './api-server.ts';
import type { Views } from './views.ts';

export function metricSources(
  parts: AgentParts,
  views: Views,
  output: Pick<LogOutput, 'lostLines'>,
): ConstructorParameters<typeof Metrics>[0] {
  const { config, pods, observer, kubernetes, facts, services } = parts;
  return {
    version: views.version,
    node: config.node,
    endpoints: () => pods.endpoints().length,
    tables: views.tables,
    maps: views.maps,
    drops: () => observer.drops.byReason(),
    problems: () => views.health().problems,
    facts: () => facts.views,
    traffic: () => observer.traffic.total(pods.endpoints()),
    flowEvents: () => observer.eventTotals(),
    lostLogLines: () => output.lostLines,
    services: services && serviceValues(services, parts.seeServices),
    apiServer: kubernetes && (() => apiServerView(kubernetes.state)),
  };
}

function serviceValues(
  { syncs, health, limited }: ServiceParts,
  see: AgentParts['seeServices'],
): () => ServiceMetricValues {
  return () => {
    const { healthz, livez } = health.counts;
    const services = see().tables.compiled.size;
    return { ...syncs.counts, services, limited: limited(), healthz, livez };
  };
}

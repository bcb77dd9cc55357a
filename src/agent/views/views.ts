// Views of the agent's parts for the API and metrics.

import type { EndpointView } from '../../api/endpoints.ts';
import type { MapFill } from '../../api/maps.ts';
import type { NodeView } from '../../api/nodes.ts';
import type { HealthView, NodeStatus, StartTimes, TableView } from '../../api/status.ts';
import { packageVersion } from '../../base/version.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { AgentParts } from '../parts.ts';
import type { ServiceSources } from '../server/services.ts';
import { mapFill } from './maps.ts';
import { serviceConnections } from './service-connections.ts';
import { explainService } from './service-explanation.ts';
import { serviceSummaries, serviceViews, translatorOf } from './services.ts';
import { health, nodeStatus, tableView } from './status.ts';

export interface Views {
  readonly version: string;
  status(): NodeStatus;
  health(): HealthView;
  endpoints(): readonly EndpointView[];
  nodes(): readonly NodeView[];
  readonly services: ServiceSources;
  tables(): readonly TableView[];
  maps(): readonly MapFill[];
}

export function agentViews(parts: AgentParts, start: () => StartTimes): Views {
  const { datapath, observer, reconciler, services, pods } = parts;
  const version = packageVersion();
  const translatedBy = translatorOf(parts);
  const tables = (): TableView[] =>
    [...reconciler.status(), ...(services?.proxy.tables ?? [])].map(tableView);
  const maps = (): readonly MapFill[] =>
    mapFill({ maps: datapath.maps, tables, flowEntries: () => observer.flowEntries });
  return {
    version,
    tables,
    maps,
    status: () => nodeStatus({ parts, version, start: start(), tables: tables(), maps: maps() }),
    health: () => health({ parts, start: start(), tables: tables() }),
    endpoints: () =>
      pods
        .endpoints()
        .toSorted((left, right) => left.id - right.id)
        .map((endpoint) => endpointView(endpoint, parts)),
    nodes: () => nodeViews(parts),
    services: {
      list: () => serviceSummaries(parts.seeServices(), translatedBy),
      find: (name) => serviceViews(parts.seeServices(), name, translatedBy),
      explain: (query) => explainService(parts, query),
      connections: (query) => serviceConnections(parts, query),
    },
  };
}

function endpointView(
  endpoint: LocalEndpoint,
  { observer, queueDrops, limitsInForce }: AgentParts,
): EndpointView {
  const { pod, namespacePath: _, bandwidth: wanted = {}, ...rest } = endpoint;
  const bandwidth = limitsInForce(endpoint);
  const missing = (['ingress', 'egress'] as const).filter(
    (direction) => wanted[direction] !== undefined && bandwidth?.[direction] === undefined,
  );
  return {
    ...rest,
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(missing.length === 0 ? {} : { missingLimits: missing }),
    ...(pod === undefined ? {} : { pod: { namespace: pod.namespace, name: pod.name } }),
    traffic: observer.traffic.of(endpoint),
    queueDroppedPackets: queueDrops(endpoint),
  };
}

function nodeViews({ config, network }: AgentParts): readonly NodeView[] {
  const { nodes, pods } = network.snapshot.state;
  const podsOn = new Map<string, number>();
  for (const { node } of pods.values()) {
    if (node !== undefined) podsOn.set(node, (podsOn.get(node) ?? 0) + 1);
  }
  return [...nodes.values()]
    .map(({ name, addresses, podCidrs }) => {
      const { unverified } = network.desired.nodes.get(name) ?? {};
      return {
        ...{ name, self: name === config.node, addresses },
        ...(unverified === undefined ? {} : { unverified }),
        ...{ podCidrs, pods: podsOn.get(name) ?? 0 },
      };
    })
    .sort(
      (left, right) => Number(right.self) - Number(left.self) || compare(left.name, right.name),
    );
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

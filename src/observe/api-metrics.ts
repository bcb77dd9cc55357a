// Metrics of the conversation with the API server; none where cluster state comes from elsewhere.

import type { ApiResourceView, ApiServerView } from '../agent/api-types.ts';
import type { MetricSample, ReadMetric } from './metric-list.ts';

export function apiMetrics(read: () => ApiServerView | undefined): readonly ReadMetric[] {
  const perResource = (pick: (view: ApiResourceView) => number) => (): MetricSample[] =>
    (read()?.resources ?? []).map((view) => ({
      labels: { resource: view.resource },
      value: pick(view),
    }));
  const labelNames = ['resource'];
  return [
    {
      kind: 'counter',
      name: 'heddle_api_requests_total',
      help: 'Requests to the API server, by verb, resource and HTTP status (0: no answer). At rest only watches are renewed.',
      labelNames: ['verb', 'resource', 'code'],
      read: () =>
        (read()?.requests ?? []).map(({ verb, resource, code, count }) => ({
          labels: { verb, resource, code: String(code) },
          value: count,
        })),
    },
    {
      kind: 'gauge',
      name: 'heddle_api_connected',
      help: 'Whether the API server answers: 1 or 0.',
      labelNames: [],
      read: () => {
        const view = read();
        if (view === undefined) return [];
        const isUp = view.connectedSince !== undefined && view.unreachable === undefined;
        return [{ labels: {}, value: isUp ? 1 : 0 }];
      },
    },
    {
      kind: 'gauge',
      name: 'heddle_cluster_objects',
      help: 'Objects of the cluster that the agent holds.',
      labelNames,
      read: perResource(({ objects }) => objects),
    },
    {
      kind: 'counter',
      name: 'heddle_api_watch_restarts_total',
      help: 'Watches begun after the first.',
      labelNames,
      read: perResource(({ watchRestarts }) => watchRestarts),
    },
    {
      kind: 'counter',
      name: 'heddle_api_relists_total',
      help: 'Full lists after the first: the API server had forgotten where the watch was.',
      labelNames,
      read: perResource(({ relists }) => relists),
    },
  ];
}

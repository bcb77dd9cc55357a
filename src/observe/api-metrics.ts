// Metrics of requests to the API server; none if cluster state comes from elsewhere.

import type { ApiResourceView, ApiServerView } from '../api/api-server.ts';
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
      help: 'Requests to the API server, by verb, resource and HTTP status (0: no answer). An idle agent only renews watches.',
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
    ...freshnessMetrics(read),
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
      help: 'Watches started after the first one.',
      labelNames,
      read: perResource(({ watchRestarts }) => watchRestarts),
    },
    {
      kind: 'counter',
      name: 'heddle_api_relists_total',
      help: 'Full lists after the first one: the watch position had expired, or watches returned nothing.',
      labelNames,
      read: perResource(({ relists }) => relists),
    },
  ];
}

function freshnessMetrics(read: () => ApiServerView | undefined): readonly ReadMetric[] {
  const labelNames = ['resource'];
  return [
    {
      kind: 'gauge',
      name: 'heddle_api_silence_seconds',
      help: 'Time since the API server last sent anything about the resource, bookmarks included; minutes are normal, a quarter of an hour is not.',
      labelNames,
      read: () =>
        (read()?.resources ?? []).flatMap(({ resource, watchedAt }) =>
          watchedAt === undefined
            ? []
            : [
                {
                  labels: { resource },
                  value: Math.max(0, (Date.now() - Date.parse(watchedAt)) / 1_000),
                },
              ],
        ),
    },
    {
      kind: 'gauge',
      name: 'heddle_api_failing',
      help: 'Whether reading the resource fails or its last list is doubted: 1 or 0.',
      labelNames,
      read: () =>
        (read()?.resources ?? []).map(({ resource, failing, doubt }) => ({
          labels: { resource },
          value: failing === undefined && doubt === undefined ? 0 : 1,
        })),
    },
  ];
}

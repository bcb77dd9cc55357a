// State of the connection to the API server, for the status screen and JSON.

import type { ApiResourceView, ApiServerView, FailingView } from '../../api/api-server.ts';
import { type Moment, wallTime } from '../../base/moment.ts';
import type { KubernetesSourceState } from '../../cluster/kubernetes/kubernetes-source.ts';
import type { ReflectorState } from '../../cluster/kubernetes/resource-state.ts';

export function apiServerView({
  connection,
  resources,
  requests,
}: KubernetesSourceState): ApiServerView {
  const { server, connectedSince, failing } = connection;
  return {
    ...(server === undefined ? {} : { server }),
    ...(connectedSince === undefined ? {} : { connectedSince: wallTime(connectedSince) }),
    ...(failing === undefined ? {} : { unreachable: failingView(failing) }),
    resources: resources.map(resourceView),
    requests,
  };
}

function resourceView(state: ReflectorState): ApiResourceView {
  const { listedAt, watchedAt, reading, failing, doubt, postponed, ...rest } = state;
  return {
    ...rest,
    ...(listedAt === undefined ? {} : { listedAt: wallTime(listedAt) }),
    ...(watchedAt === undefined ? {} : { watchedAt: wallTime(watchedAt) }),
    ...(reading === undefined
      ? {}
      : { reading: { since: wallTime(reading.since), objects: reading.objects } }),
    ...(failing === undefined ? {} : { failing: failingView(failing) }),
    ...(doubt === undefined ? {} : { doubt: failingView(doubt) }),
    ...(postponed === undefined ? {} : { postponed: failingView(postponed) }),
  };
}

function failingView({ text, since }: { text: string; since: Moment }): FailingView {
  return { text, since: wallTime(since) };
}

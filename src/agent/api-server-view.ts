// How the conversation with the API server goes, as the status screen and JSON have it.

import { type Moment, wallTime } from '../base/moment.ts';
import type { KubernetesSourceState } from '../cluster/kubernetes/kubernetes-source.ts';
import type { ReflectorState } from '../cluster/kubernetes/reflector.ts';
import type { ApiResourceView, ApiServerView, FailingView } from './api-types.ts';

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

function resourceView({ listedAt, watchedAt, failing, ...rest }: ReflectorState): ApiResourceView {
  return {
    ...rest,
    ...(listedAt === undefined ? {} : { listedAt: wallTime(listedAt) }),
    ...(watchedAt === undefined ? {} : { watchedAt: wallTime(watchedAt) }),
    ...(failing === undefined ? {} : { failing: failingView(failing) }),
  };
}

function failingView({ text, since }: { text: string; since: Moment }): FailingView {
  return { text, since: wallTime(since) };
}

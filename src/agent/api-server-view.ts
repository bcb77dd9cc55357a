// How the conversation with the API server goes, as the status screen and JSON have it.

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
    ...(connectedSince === undefined ? {} : { connectedSince: connectedSince.toISOString() }),
    ...(failing === undefined ? {} : { unreachable: failingView(failing) }),
    resources: resources.map(resourceView),
    requests,
  };
}

function resourceView({ listedAt, watchedAt, failing, ...rest }: ReflectorState): ApiResourceView {
  return {
    ...rest,
    ...(listedAt === undefined ? {} : { listedAt: listedAt.toISOString() }),
    ...(watchedAt === undefined ? {} : { watchedAt: watchedAt.toISOString() }),
    ...(failing === undefined ? {} : { failing: failingView(failing) }),
  };
}

function failingView({ text, since }: { text: string; since: Date }): FailingView {
  return { text, since: since.toISOString() };
}

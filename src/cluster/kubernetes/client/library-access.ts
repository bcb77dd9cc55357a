// Kubeconfigs of all kinds, read by Kubernetes' own client: credential programs, identity providers, proxies.

import type { Agent, RequestOptions } from 'node:https';
import { InputError } from '../../../base/input-error.ts';
import type { ClusterAccess, RequestMaterial } from './cluster-access.ts';

/** Throws InputError for a context without a cluster, Error for a file that is broken. */
export async function libraryAccess(file: string): Promise<ClusterAccess> {
  // Loaded here, not above: who needs none of it need not pay for it (see plain-access.ts).
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(file);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new InputError({
      object: file,
      field: 'current-context',
      value: config.getCurrentContext(),
      rule: 'names no context with a cluster',
    });
  }
  const read = async (): Promise<RequestMaterial> => {
    const all: RequestOptions = {};
    await config.applyToHTTPSOptions(all);
    const { agent, ...request } = all;
    trimToken(request);
    const isProxied = cluster.proxyUrl !== undefined && typeof agent === 'object';
    return { request, proxy: isProxied ? (agent as Agent) : undefined };
  };
  // Each may start a program, which may never end.
  let reading: Promise<RequestMaterial> | undefined;
  return {
    server: cluster.server,
    proxyUrl: cluster.proxyUrl,
    request: (): Promise<RequestMaterial> => {
      reading ??= read().finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
}

// See `bearer` of plain-access.ts.
function trimToken(request: RequestOptions): void {
  const headers = request.headers as Record<string, string> | undefined;
  const token = headers?.['Authorization'];
  if (headers !== undefined && token !== undefined) headers['Authorization'] = token.trim();
}

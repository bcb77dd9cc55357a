// Writes objects to a real API server by server-side apply: creates missing objects and changes existing ones.

import { ApiClient } from '../../../src/cluster/kubernetes/client/api-client.ts';
import { KubeConfigCredentials } from '../../../src/cluster/kubernetes/client/credentials.ts';
import type { Manifest } from '../../support/cluster-source-suite.ts';

const collections: Readonly<Record<string, string>> = {
  Node: 'nodes',
  Namespace: 'namespaces',
  Pod: 'pods',
  Service: 'services',
  ServiceAccount: 'serviceaccounts',
  ClusterRoleBinding: 'clusterrolebindings',
  EndpointSlice: 'endpointslices',
  NetworkPolicy: 'networkpolicies',
  ClusterNetworkPolicy: 'clusternetworkpolicies',
  CustomResourceDefinition: 'customresourcedefinitions',
};

export class ApiObjects implements Disposable {
  readonly #client: ApiClient;
  readonly #signal = new AbortController().signal;

  constructor(kubeconfig: string, apiServers: readonly string[] = []) {
    this.#client = new ApiClient(new KubeConfigCredentials({ kubeconfig, apiServers }));
  }

  async put(manifest: Manifest): Promise<void> {
    await this.#client.json({
      method: 'PATCH',
      path: `${pathOf(manifest)}?fieldManager=test&force=true`,
      verb: 'apply',
      resource: manifest.kind,
      contentType: 'application/apply-patch+yaml',
      body: JSON.stringify(withImages(manifest)),
      signal: this.#signal,
    });
  }

  async remove(manifest: Manifest): Promise<void> {
    await this.#client.json({
      method: 'DELETE',
      path: `${pathOf(manifest)}?gracePeriodSeconds=0`,
      verb: 'delete',
      resource: manifest.kind,
      signal: this.#signal,
    });
  }

  get(path: string): Promise<unknown> {
    return this.#client.json({ path, verb: 'get', resource: 'test', signal: this.#signal });
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

function pathOf({ apiVersion, kind, metadata: { name, namespace } }: Manifest): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `${group}${scope}/${collections[kind] ?? kind}/${name}`;
}

// Adds fields that the API server requires and that a lab's manifests need not have.
function withImages(manifest: Manifest): object {
  if (manifest.kind !== 'Pod') return manifest;
  const { containers = [], ...spec } = manifest.spec as { containers?: object[] };
  return {
    ...manifest,
    spec: { ...spec, containers: containers.map((each) => ({ image: 'none', ...each })) },
  };
}

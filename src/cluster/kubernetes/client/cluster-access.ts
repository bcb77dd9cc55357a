// What a kubeconfig or a service account says: where the API server is, and what a request to it needs.

import type { Agent, RequestOptions } from 'node:https';

export interface ClusterAccess {
  /** `https://192.0.2.1:6443`; undefined: it is not told. */
  readonly server: string | undefined;
  /** `http://192.0.2.9:3128`, by which the API server is reached; absent: by none. */
  readonly proxyUrl?: string | undefined;
  /** For one request: files that rotate are read for it. Throws or rejects with an Error for what is missing or broken. */
  request(): RequestMaterial | Promise<RequestMaterial>;
}

export interface RequestMaterial {
  /** TLS material, headers and basic authentication, for node:https. */
  readonly request: RequestOptions;
  /** Only where a proxy is configured: the connection goes through it. */
  readonly proxy?: Agent | undefined;
}

// The contents of a kubeconfig or service account: the address of the API server, and the credentials for requests.

import type { Agent, RequestOptions } from 'node:https';

export interface ClusterAccess {
  /** `https://192.0.2.1:6443`; undefined if it is not given. */
  readonly server: string | undefined;
  /** Proxy for the API server, `http://192.0.2.9:3128`; absent if there is none. */
  readonly proxyUrl?: string | undefined;
  /**
   * Material for one request. Rotating files are read each time. Throws or rejects with an Error if something is
   * missing or invalid.
   */
  request(): RequestMaterial | Promise<RequestMaterial>;
}

export interface RequestMaterial {
  /** TLS material, headers and basic authentication for node:https. */
  readonly request: RequestOptions;
  /** The agent of a configured proxy; absent without one. */
  readonly proxy?: Agent | undefined;
}

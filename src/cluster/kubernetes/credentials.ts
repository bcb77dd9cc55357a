// Who we are to the API server and where it is: from a kubeconfig or from the pod's service account. Files are read again
// when they change (tokens and certificates rotate), and at once after the server refused us.

import { readFileSync, statSync } from 'node:fs';
import type { Agent, RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { InputError } from '../../base/input-error.ts';
import type { KubernetesSettings } from './settings.ts';

/** What one request needs besides its path. */
export interface Access {
  /** In the order in which they are tried; at least one, without a slash at the end. */
  readonly servers: readonly string[];
  /** TLS material, headers and basic authentication, for node:https. */
  readonly request: RequestOptions;
  /** Only where a proxy is configured: the connection goes through it. */
  readonly proxy?: Agent | undefined;
}

export interface Credentials {
  /** Throws InputError for files that are missing or broken, Error for a credential program that fails. */
  access(): Promise<Access>;
  /** The server did not accept us: what was read before is not used again. */
  refused(): void;
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

export class KubeConfigCredentials implements Credentials {
  readonly #settings: KubernetesSettings;
  #loaded: { readonly config: KubeConfig; readonly version: string } | undefined;

  constructor(settings: KubernetesSettings) {
    this.#settings = settings;
  }

  async access(): Promise<Access> {
    const config = await this.#load();
    const request: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(request);
    } catch (error) {
      throw new InputError({ object: this.#origin(), rule: textOf(error) }, { cause: error });
    }
    const { agent, ...rest } = request;
    trimToken(rest);
    const { tlsServerName } = this.#settings;
    if (tlsServerName !== undefined) rest.servername = tlsServerName;
    const isProxied = config.getCurrentCluster()?.proxyUrl !== undefined;
    return {
      servers: this.#servers(config),
      request: rest,
      proxy: isProxied && typeof agent === 'object' ? (agent as Agent) : undefined,
    };
  }

  refused(): void {
    this.#loaded = undefined;
  }

  async #load(): Promise<KubeConfig> {
    const version = this.#version();
    if (this.#loaded?.version === version) return this.#loaded.config;
    // Loaded here, not above: the library costs a second and 70 MB, which agents without an API server need not pay.
    const { KubeConfig: Config } = await import('@kubernetes/client-node');
    const config = new Config();
    const { kubeconfig } = this.#settings;
    try {
      if (kubeconfig === undefined) config.loadFromCluster();
      else config.loadFromFile(kubeconfig);
    } catch (error) {
      throw new InputError({ object: this.#origin(), rule: textOf(error) }, { cause: error });
    }
    if (config.getCurrentCluster() === null) {
      throw new InputError({
        object: this.#origin(),
        field: 'current-context',
        value: config.getCurrentContext(),
        rule: 'names no context with a cluster',
      });
    }
    this.#loaded = { config, version };
    return config;
  }

  // Changes when the file does; a mounted Secret or ConfigMap is a link to a folder that is replaced whole.
  #version(): string {
    const { kubeconfig } = this.#settings;
    const file = kubeconfig ?? `${serviceAccount}/token`;
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats !== undefined) return `${stats.ino} ${stats.mtimeMs}`;
    const rule =
      kubeconfig === undefined
        ? 'is not there: outside of a pod, cluster.kubernetes.kubeconfig must name a kubeconfig file'
        : 'is not there';
    throw new InputError({ object: 'cluster.kubernetes', value: file, rule });
  }

  #origin(): string {
    return this.#settings.kubeconfig ?? 'the service account of this pod';
  }

  #servers(config: KubeConfig): readonly string[] {
    const { kubeconfig, apiServers, apiServersFrom } = this.#settings;
    const isKnownInPod = (process.env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';
    const own = config.getCurrentCluster()?.server;
    const servers = [
      ...apiServers,
      ...serversIn(apiServersFrom),
      ...(own !== undefined && (kubeconfig !== undefined || isKnownInPod) ? [own] : []),
    ];
    if (servers.length > 0) return [...new Set(servers.map((url) => url.replace(/\/+$/, '')))];
    throw new InputError({
      object: 'cluster.kubernetes',
      field: 'apiServers',
      rule: 'is empty, and no other address of the API server is known',
    });
  }
}

function serversIn(file: string | undefined): readonly string[] {
  if (file === undefined) return [];
  try {
    const found = /^\s*server:\s*["']?(https?:\/\/[^\s"']+)/m.exec(readFileSync(file, 'utf8'));
    return found?.[1] === undefined ? [] : [found[1]];
  } catch {
    // Not every node has one: the next address serves.
    return [];
  }
}

// A line break at the end of a token file is no part of the token, and no header may have one.
function trimToken(request: RequestOptions): void {
  const headers = request.headers as Record<string, string> | undefined;
  const token = headers?.['Authorization'];
  if (headers !== undefined && token !== undefined) headers['Authorization'] = token.trim();
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

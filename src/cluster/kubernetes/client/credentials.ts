// The agent's credentials and the API server's address, from a kubeconfig or the pod's service account. Files are read
// again when they change (tokens and certificates rotate), and immediately after the server refused the credentials.

import { readFileSync, statSync } from 'node:fs';
import { errorText } from '../../../base/errors.ts';
import { InputError } from '../../../base/input-error.ts';
import type { ClusterAccess, RequestMaterial } from './cluster-access.ts';
import { CredentialPrograms } from './credential-programs.ts';
import { libraryAccess } from './library-access.ts';
import { plainAccess, serviceAccountAccess } from './plain-access.ts';
import type { KubernetesSettings } from './settings.ts';
import { shownText } from './shown.ts';

/** Everything that a request needs except its path. */
export interface Access extends RequestMaterial {
  /** In the order in which they are tried: at least one, without a trailing slash. */
  readonly servers: readonly string[];
  /** URL of the proxy; absent if there is none. */
  readonly proxyUrl?: string | undefined;
}

export interface Credentials {
  /** Throws InputError for missing or invalid files, Error for a failing credential program. */
  access(): Promise<Access>;
  /** Call this after the server refused the credentials. Cached ones are not used again. */
  refused(): void;
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

export class KubeConfigCredentials implements Credentials {
  readonly #settings: KubernetesSettings;
  readonly #deadlineMs: number;
  readonly #programs = new CredentialPrograms();
  #loaded: { readonly access: Promise<ClusterAccess>; readonly version: string } | undefined;

  /**
   * `deadlineMs`: for a credential program or identity provider. After the deadline, the next request starts it again.
   */
  constructor(settings: KubernetesSettings, deadlineMs = 30_000) {
    this.#settings = settings;
    this.#deadlineMs = deadlineMs;
  }

  async access(): Promise<Access> {
    try {
      const access = await this.#load();
      const { request, proxy } = await access.request();
      const { tlsServerName: servername } = this.#settings;
      return {
        servers: this.#servers(access.server),
        request: servername === undefined ? request : { ...request, servername },
        proxy,
        proxyUrl: access.proxyUrl,
      };
    } catch (error) {
      if (error instanceof InputError) throw error;
      // A credential program may print anything.
      throw new InputError({ object: this.#origin(), rule: shownText(errorText(error), 500) });
    }
  }

  refused(): void {
    this.#loaded = undefined;
  }

  async #load(): Promise<ClusterAccess> {
    const version = this.#version();
    if (this.#loaded?.version === version) return this.#loaded.access;
    const loaded = { access: this.#read(), version };
    // Concurrent callers share the result.
    this.#loaded = loaded;
    try {
      return await loaded.access;
    } catch (error) {
      if (this.#loaded === loaded) this.#loaded = undefined;
      throw error;
    }
  }

  async #read(): Promise<ClusterAccess> {
    const { kubeconfig } = this.#settings;
    if (kubeconfig === undefined) return serviceAccountAccess(serviceAccount);
    const options = { programs: this.#programs, deadlineMs: this.#deadlineMs };
    return plainAccess(kubeconfig) ?? (await libraryAccess(kubeconfig, options));
  }

  // Changes when the file changes. A mounted Secret or ConfigMap is a link to a folder that is replaced as a whole.
  #version(): string {
    const { kubeconfig } = this.#settings;
    const file = kubeconfig ?? `${serviceAccount}/token`;
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats !== undefined) return `${stats.ino} ${stats.mtimeMs}`;
    const rule =
      kubeconfig === undefined
        ? 'does not exist: outside a pod, cluster.kubernetes.kubeconfig must name a kubeconfig file'
        : 'does not exist';
    throw new InputError({ object: 'cluster.kubernetes', value: file, rule });
  }

  #origin(): string {
    return this.#settings.kubeconfig ?? 'the service account of this pod';
  }

  #servers(own: string | undefined): readonly string[] {
    const { apiServers, apiServersFrom } = this.#settings;
    const servers = [
      ...apiServers,
      ...serversIn(apiServersFrom),
      ...(own === undefined ? [] : [own]),
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
    const found = /^[ \t]*server:[ \t]*["']?(https?:\/\/[^\s"']+)/m.exec(
      readFileSync(file, 'utf8'),
    );
    return found?.[1] === undefined ? [] : [found[1]];
  } catch {
    // Not every node has this file. The next address is used.
    return [];
  }
}

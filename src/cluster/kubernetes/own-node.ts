// What the agent writes on its own Node object, only when it is not there already: facts that other nodes' agents
// compare with theirs, and the start-up taint taken away once pods can come.

import type { ClusterNode } from '../objects.ts';
import type { ApiClient } from './api-client.ts';

export interface OwnNodeOptions {
  readonly client: Pick<ApiClient, 'json'>;
  /** Annotations as they should be; see model/peer-facts.ts. */
  readonly facts: Readonly<Record<string, string>>;
  /** The key of the taint to remove; undefined: taints are left alone. */
  readonly startupTaint?: string | undefined;
  readonly signal: AbortSignal;
}

export class OwnNode {
  readonly #options: OwnNodeOptions;
  #writing: Promise<void> | undefined;

  constructor(options: OwnNodeOptions) {
    this.#options = options;
  }

  /** To be called with what the cluster last said of this node; one write at a time. Rejects as `ApiClient.json` does. */
  settle(node: ClusterNode, { isReady }: { readonly isReady: boolean }): Promise<void> {
    this.#writing ??= this.#settle(node, isReady).finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #settle(node: ClusterNode, isReady: boolean): Promise<void> {
    const { facts, startupTaint } = this.#options;
    const isKnown = Object.entries(facts).every(([key, value]) => node.annotations[key] === value);
    if (!isKnown) await this.#annotate(node);
    if (!isReady || startupTaint === undefined) return;
    const index = node.taints?.findIndex(({ key }) => key === startupTaint) ?? -1;
    if (index >= 0) await this.#removeTaint(node.name, index, startupTaint);
  }

  // The uid keeps the API server from making a Node out of annotations where the real one was just deleted.
  #annotate({ name, uid }: ClusterNode): Promise<unknown> {
    const { facts } = this.#options;
    return this.#patch(name, 'application/apply-patch+yaml', '?fieldManager=heddle&force=true', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, ...(uid === undefined ? {} : { uid }), annotations: facts },
    });
  }

  // Taints are one list to the API server: the test keeps us from removing another's where the list has moved.
  #removeTaint(name: string, index: number, key: string): Promise<unknown> {
    const path = `/spec/taints/${index}`;
    return this.#patch(name, 'application/json-patch+json', '?fieldManager=heddle', [
      { op: 'test', path: `${path}/key`, value: key },
      { op: 'remove', path },
    ]);
  }

  #patch(name: string, contentType: string, query: string, body: unknown): Promise<unknown> {
    const { client, signal } = this.#options;
    return client.json({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}${query}`,
      verb: 'patch',
      resource: 'nodes',
      contentType,
      body: JSON.stringify(body),
      signal,
    });
  }
}

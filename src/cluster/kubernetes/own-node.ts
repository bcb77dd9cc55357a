// What the agent writes on its own Node object, only when it is not there already: facts that other nodes' agents
// compare with theirs, and the start-up taint taken away once pods can come.

import type { ClusterNode } from '../objects.ts';
import type { ApiClient } from './client/api-client.ts';
import { RetriedWrite, type RetriedWriteOptions, type Write } from './retried-write.ts';

export interface OwnNodeWriterOptions
  extends Pick<RetriedWriteOptions, 'signal' | 'times' | 'random'> {
  readonly client: Pick<ApiClient, 'json' | 'onRecovered'>;
  /** Annotations as they should be; see model/network/peer-facts.ts. */
  readonly facts: Readonly<Record<string, string>>;
  /** The key of the taint to remove; undefined: taints are left alone. */
  readonly startupTaint?: string | undefined;
}

export class OwnNodeWriter {
  readonly #options: OwnNodeWriterOptions;
  // Each for itself: what keeps one from being written need not keep the other.
  readonly #annotations: RetriedWrite;
  readonly #taint: RetriedWrite;

  constructor(options: OwnNodeWriterOptions) {
    this.#options = options;
    const { client } = options;
    const shared = { ...options, onRecovered: client.onRecovered };
    this.#annotations = new RetriedWrite(shared);
    this.#taint = new RetriedWrite(shared);
  }

  /** What cannot be written, and why. */
  get problems(): readonly string[] {
    const annotations = this.#annotations.problem;
    const taint = this.#taint.problem;
    return [
      ...(annotations === undefined ? [] : [`own Node not annotated: ${annotations}`]),
      ...(taint === undefined ? [] : [`start-up taint not removed: ${taint}`]),
    ];
  }

  /** To be called with what the cluster last said of this node; undefined: it has no such Node. */
  settle(node: ClusterNode | undefined, { isReady }: { readonly isReady: boolean }): void {
    this.#annotations.want(node && this.#annotate(node));
    this.#taint.want(node && isReady ? this.#removeTaint(node) : undefined);
  }

  // The uid keeps the API server from making a Node out of annotations where the real one was just deleted.
  #annotate(node: ClusterNode): Write | undefined {
    const { facts } = this.#options;
    const { name, uid, annotations } = node;
    if (Object.entries(facts).every(([key, value]) => annotations[key] === value)) return undefined;
    return this.#patch(node, 'application/apply-patch+yaml', '?fieldManager=heddle&force=true', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, ...(uid === undefined ? {} : { uid }), annotations: facts },
    });
  }

  // Taints are one list to the API server: the test keeps us from removing another's where the list has moved.
  #removeTaint(node: ClusterNode): Write | undefined {
    const { startupTaint } = this.#options;
    const index = node.taints?.findIndex(({ key }) => key === startupTaint) ?? -1;
    if (startupTaint === undefined || index < 0) return undefined;
    const path = `/spec/taints/${index}`;
    return this.#patch(node, 'application/json-patch+json', '?fieldManager=heddle', [
      { op: 'test', path: `${path}/key`, value: startupTaint },
      { op: 'remove', path },
    ]);
  }

  #patch({ name, uid }: ClusterNode, contentType: string, query: string, content: unknown): Write {
    const { client } = this.#options;
    const body = JSON.stringify(content);
    const path = `/api/v1/nodes/${encodeURIComponent(name)}${query}`;
    return {
      key: `${uid} ${contentType}`,
      send: (signal) =>
        client.json({
          method: 'PATCH',
          path,
          verb: 'patch',
          resource: 'nodes',
          contentType,
          body,
          signal,
        }),
    };
  }
}

// The agent's writes to its own Node object, only if needed: annotations that other nodes' agents compare with theirs,
// and the removal of the start-up taint once pods can start.

import type { ClusterNode } from '../objects.ts';
import type { ApiClient } from './client/api-client.ts';
import { RetriedWrite, type RetriedWriteOptions, type Write } from './retried-write.ts';

export interface OwnNodeWriterOptions
  extends Pick<RetriedWriteOptions, 'signal' | 'times' | 'random'> {
  readonly client: Pick<ApiClient, 'json' | 'onRecovered'>;
  /** Desired annotations; see model/network/peer-facts.ts. */
  readonly facts: Readonly<Record<string, string>>;
  /** Key of the taint to remove; undefined: taints are left alone. */
  readonly startupTaint?: string | undefined;
}

export class OwnNodeWriter {
  readonly #options: OwnNodeWriterOptions;
  // Separate writes: a failure of one must not stop the other.
  readonly #annotations: RetriedWrite;
  readonly #taint: RetriedWrite;

  constructor(options: OwnNodeWriterOptions) {
    this.#options = options;
    const { client } = options;
    const shared = { ...options, onRecovered: client.onRecovered };
    this.#annotations = new RetriedWrite(shared);
    this.#taint = new RetriedWrite(shared);
  }

  /** Writes that fail, with reasons. */
  get problems(): readonly string[] {
    const annotations = this.#annotations.problem;
    const taint = this.#taint.problem;
    return [
      ...(annotations === undefined ? [] : [`own Node not annotated: ${annotations}`]),
      ...(taint === undefined ? [] : [`start-up taint not removed: ${taint}`]),
    ];
  }

  /** Call this with the latest version of this node; undefined: there is no such Node. */
  settle(node: ClusterNode | undefined, { isReady }: { readonly isReady: boolean }): void {
    this.#annotations.want(node && this.#annotate(node));
    this.#taint.want(node && isReady ? this.#removeTaint(node) : undefined);
  }

  // With the uid in the patch, the API server does not create a Node if the real one was just deleted.
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

  // Taints are one list. The test in the patch prevents removing another taint if the list has changed.
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

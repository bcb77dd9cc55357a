// When pods were scheduled and when they were Ready, from a watch on the API server and this machine's clock: the times
// in the objects have whole seconds.

import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { watchEvents } from '../../src/cluster/kubernetes/watch/stream.ts';
import { exitOf, spawnInPlace } from '../../src/lab/spawn.ts';
import type { KubeCluster } from '../../test/kube/cluster/cluster.ts';
import { kubectlEnvironment } from '../../test/kube/cluster/kubectl.ts';
import { programPath } from '../../test/kube/cluster/programs.ts';

const pod = z.object({
  metadata: z.object({ uid: z.string() }),
  spec: z.object({ nodeName: z.string().optional() }).optional(),
  status: z
    .object({
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional(),
    })
    .optional(),
});

interface Seen {
  readonly scheduledMs: number | undefined;
  readonly readyMs: number | undefined;
}

const patienceMs = 300_000;

export class PodWatch implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #pods = new Map<string, Seen>();
  #isComplete = false;
  #ended: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(child: ChildProcess, events: Readable) {
    this.#child = child;
    void this.#follow(events);
  }

  /** @param selector a label selector: `app=web`. Returns when the watch has begun. */
  static async open(cluster: KubeCluster, selector: string): Promise<PodWatch> {
    const query = new URLSearchParams({
      watch: 'true',
      labelSelector: selector,
      // A bookmark marks the end of the initial list: later events are complete.
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: 'true',
    });
    const path = `/api/v1/namespaces/default/pods?${query.toString()}`;
    const kubectl = programPath({ folder: cluster.record.programs }, 'kubectl');
    const child = spawnInPlace(
      cluster.entry('control-plane').place,
      [kubectl, 'get', '--raw', path],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        environment: kubectlEnvironment(cluster.paths),
      },
    );
    if (child.stdout === null) throw new Error('kubectl has no standard output');
    const watch = new PodWatch(child, child.stdout);
    await watch.#until('the watch of pods has begun', () => watch.#isComplete);
    return watch;
  }

  /** Waits until this number of pods is Ready; returns the seconds since each was scheduled. */
  async starts(count: number, signal: AbortSignal): Promise<readonly number[]> {
    const durations = (): readonly number[] =>
      [...this.#pods.values()].flatMap(({ scheduledMs, readyMs }) =>
        scheduledMs === undefined || readyMs === undefined ? [] : [(readyMs - scheduledMs) / 1000],
      );
    await this.#until(`${count} pods are Ready`, () => durations().length >= count, signal);
    return durations();
  }

  /** Waits until the last Pod object is deleted. */
  gone(signal: AbortSignal): Promise<void> {
    return this.#until('all pods have gone', () => this.#pods.size === 0, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = exitOf(this.#child);
    this.#child.kill('SIGTERM');
    await ended;
  }

  async #follow(events: Readable): Promise<void> {
    try {
      for await (const { type, object } of watchEvents(events)) {
        if (type === 'ERROR') throw new Error(`the watch of pods: ${JSON.stringify(object)}`);
        if (type === 'BOOKMARK') this.#isComplete = true;
        else this.#note(type, object);
        this.#wake();
      }
      throw new Error('the watch of pods has ended');
    } catch (error) {
      this.#ended = error instanceof Error ? error : new Error(String(error));
      this.#wake();
    }
  }

  #note(type: string, object: unknown): void {
    const { metadata, spec, status } = pod.parse(object);
    if (type === 'DELETED') return void this.#pods.delete(metadata.uid);
    const now = performance.now();
    const before = this.#pods.get(metadata.uid);
    const isReady = status?.conditions?.some(
      (each) => each.type === 'Ready' && each.status === 'True',
    );
    this.#pods.set(metadata.uid, {
      scheduledMs: before?.scheduledMs ?? (spec?.nodeName === undefined ? undefined : now),
      readyMs: before?.readyMs ?? (isReady === true ? now : undefined),
    });
  }

  async #until(what: string, isSo: () => boolean, signal?: AbortSignal): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!isSo()) {
      signal?.throwIfAborted();
      if (this.#ended !== undefined) throw this.#ended;
      if (performance.now() > deadline)
        throw new Error(`not within ${patienceMs / 1000} s: ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

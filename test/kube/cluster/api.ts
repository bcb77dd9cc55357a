// Requests to a cluster's API server, as its admin.

import { stringify } from 'yaml';
import type { Finished } from '../../../src/lab/spawn.ts';
import { type KubectlContext, runKubectl } from './kubectl.ts';
import { eventually } from './wait.ts';

export class ClusterApi {
  readonly #tools: KubectlContext;
  readonly #signal: AbortSignal | undefined;

  constructor(tools: KubectlContext, signal: AbortSignal | undefined) {
    this.#tools = tools;
    this.#signal = signal;
  }

  /** Runs `kubectl WORDS` as admin and returns its output. Throws an Error with its error output if it fails. */
  async kubectl(...words: readonly string[]): Promise<string> {
    return succeeded(words, await this.tryKubectl(words));
  }

  tryKubectl(words: readonly string[], input?: string): Promise<Finished> {
    return runKubectl(this.#tools, words, input);
  }

  /** `kubectl get WORDS -o json`, parsed. */
  async get<Answer>(...words: readonly string[]): Promise<Answer> {
    return JSON.parse(await this.kubectl('get', ...words, '-o', 'json')) as Answer;
  }

  /** `kubectl apply` of objects, or of YAML text. */
  async apply(objects: readonly object[] | string): Promise<void> {
    const text =
      typeof objects === 'string'
        ? objects
        : objects
            .map((object) => stringify(object, { aliasDuplicateObjects: false }))
            .join('---\n');
    const words = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    succeeded(words, await this.tryKubectl(words, text));
  }

  /** Repeats `check` until its result is neither undefined nor false; the error shows nodes, pods and events. */
  waitFor<Value>(
    what: string,
    check: () => Promise<Value | undefined | false>,
    timeoutMs = 60_000,
  ): Promise<Value> {
    const diagnosis = (): Promise<string> => this.describe();
    return eventually(what, check, {
      timeoutMs,
      everyMs: 200,
      diagnosis,
      signal: this.#signal,
    });
  }

  /** Waits until `kubectl rollout status` succeeds, for example for `deployment/web`. */
  async rolledOut(target: string, namespace = 'default', timeoutMs = 120_000): Promise<void> {
    const words = ['rollout', 'status', target, '-n', namespace, `--timeout=${timeoutMs / 1000}s`];
    const { exitCode, stderr } = await this.tryKubectl(words);
    if (exitCode === 0) return;
    throw new Error(`kubectl ${words.join(' ')}: ${stderr}\n${await this.describe()}`);
  }

  /** Nodes, pods and the latest events, for a person. */
  async describe(): Promise<string> {
    const parts = [
      ['get', 'nodes', '-o', 'wide'],
      ['get', 'pods', '-A', '-o', 'wide'],
      ['get', 'events', '-A', '--sort-by=.lastTimestamp'],
    ];
    const texts = await Promise.all(parts.map((words) => this.tryKubectl(words)));
    return texts
      .map(({ stdout, stderr }) => `${stdout}${stderr}`.trimEnd().split('\n').slice(-25).join('\n'))
      .join('\n\n');
  }

  /** Runs in a pod's first container. */
  exec(pod: string, command: readonly string[], namespace = 'default'): Promise<Finished> {
    return this.tryKubectl(['exec', '-n', namespace, pod, '--', ...command]);
  }
}

function succeeded(words: readonly string[], { exitCode, stdout, stderr }: Finished): string {
  if (exitCode === 0) return stdout;
  throw new Error(
    `kubectl ${words.join(' ')} ended with exit code ${exitCode}: ${stderr}${stdout}`,
  );
}

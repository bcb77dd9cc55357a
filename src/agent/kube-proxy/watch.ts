// Looks again and again whether kube-proxy runs beside this agent, and what it has left.

import { setTimeout } from 'node:timers/promises';
import { errorText } from '../../base/errors.ts';
import type { ServiceChoice } from './service-choice.ts';

export interface KubeProxyWatchOptions {
  readonly choice: ServiceChoice;
  readonly periodMs: number;
  /** See `runningKubeProxy`. */
  findRunning(): Promise<string | undefined>;
  /** See `kubeProxyRemains`. */
  findRemains(): Promise<readonly string[]>;
}

// A kube-proxy that is replaced by a new version is away for a moment.
const absentLooks = 2;
// Of the time: a look may start a program.
const restShare = 20;

export class KubeProxyWatch {
  readonly #options: KubeProxyWatchOptions;
  #running: string | undefined;
  #absent = absentLooks;
  #remains: readonly string[] = [];
  #trouble: string | undefined;

  constructor(options: KubeProxyWatchOptions) {
    this.#options = options;
  }

  /** Runs until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      await this.look();
      const restMs = Math.max(this.#options.periodMs, (performance.now() - began) * restShare);
      await setTimeout(restMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async look(): Promise<void> {
    try {
      const found = await this.#options.findRunning();
      this.#absent = found === undefined ? this.#absent + 1 : 0;
      if (found !== undefined || this.#absent >= absentLooks) this.#running = found;
      this.#remains = await this.#options.findRemains();
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = `what kube-proxy has left here cannot be read: ${errorText(error)}`;
    }
  }

  /** What needs attention, in one sentence. */
  get problem(): string | undefined {
    const { isOn } = this.#options.choice;
    if (this.#running !== undefined) return undefined;
    if (!isOn) return this.#absent >= absentLooks ? deserted(this.#remains) : undefined;
    return this.#remains.length === 0 ? undefined : leftOver(this.#remains);
  }

  /** What is worth knowing, in one sentence. */
  get note(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    if (!this.#options.choice.isOn || this.#running === undefined) return undefined;
    return `kube-proxy runs here too (${this.#running}): Heddle translates first, and kube-proxy is no longer needed`;
  }
}

function leftOver(remains: readonly string[]): string {
  return `kube-proxy no longer runs here, but what it has left still answers for Services that Heddle does not have: ${remains.join(', ')}; remove it with \`heddle clean-kube-proxy\``;
}

function deserted(remains: readonly string[]): string {
  const state = remains.length === 0 ? 'no one translates Services' : 'no one updates its rules';
  return `kube-proxy no longer runs here, to which this agent left Services when it started, and ${state}: restart the agent, and it translates them`;
}

// The labs of the network experiment, each started at its first use: a mode's small lab has only the measured pods, its
// full lab has a thousand more (morePods) on the client's node. Both exist at the same time, so that they can be
// measured in turn.

import type { LabMode } from '../src/lab/record.ts';
import type { ExperimentOptions } from './experiment.ts';
import { HeddleLab } from './heddle-lab.ts';
import { morePods } from './network-bars.ts';
import { BenchPods } from './pods.ts';

const step = 100;

export class BenchLabs implements AsyncDisposable {
  readonly #options: ExperimentOptions;
  readonly #labs = new Map<string, HeddleLab>();
  readonly #pods: BenchPods[] = [];

  constructor(options: ExperimentOptions) {
    this.#options = options;
  }

  small(mode: LabMode): Promise<HeddleLab> {
    return this.#lab(`bench-${mode}`, mode);
  }

  /** Every pod was created by an ADD. */
  async full(mode: LabMode): Promise<HeddleLab> {
    const name = `bench-full-${mode}`;
    const known = this.#labs.get(name);
    if (known !== undefined) return known;
    const { quick, signal, progress } = this.#options;
    const more = quick ? morePods.quick : morePods.usual;
    const lab = await this.#lab(name, mode);
    const pods = new BenchPods(`heddle-${name}-${process.pid}`);
    this.#pods.push(pods);
    for (let from = 0; from < more; from += step) {
      signal.throwIfAborted();
      progress(`${mode} lab: pods ${from + 1} to ${from + step} of ${more} more`);
      await lab.fill(pods, { from, to: from + step });
    }
    return lab;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lab of this.#labs.values()) await lab[Symbol.asyncDispose]();
    for (const pods of this.#pods) pods[Symbol.dispose]();
  }

  async #lab(name: string, mode: LabMode): Promise<HeddleLab> {
    const lab = this.#labs.get(name) ?? (await HeddleLab.up(name, mode, this.#options.progress));
    this.#labs.set(name, lab);
    return lab;
  }
}

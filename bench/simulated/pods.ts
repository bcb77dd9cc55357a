// Creates pods on the agent's own node by CNI requests as a container runtime sends them.

import { fileURLToPath } from 'node:url';
import { callInTurn, type Plugin } from '../load/cni-calls.ts';
import { BenchPods } from '../pods.ts';

const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));

export class LocalPods implements Disposable {
  readonly #plugin: Plugin;
  readonly #pods: BenchPods;
  readonly #count: number;

  constructor(namespacePath: string, agentSocket: string, count: number) {
    this.#plugin = {
      name: 'heddle',
      namespacePath,
      executable: shim,
      configuration: { cniVersion: '1.0.0', name: 'bench', type: 'heddle-cni', agentSocket },
    };
    this.#pods = new BenchPods(`heddle-bench-${process.pid}-pod`);
    this.#count = count;
  }

  async add(): Promise<void> {
    await callInTurn(this.#plugin, 'ADD', this.#pods.atLeast(this.#count));
  }

  async delete(): Promise<void> {
    await callInTurn(this.#plugin, 'DEL', this.#pods.atLeast(this.#count));
  }

  [Symbol.dispose](): void {
    this.#pods[Symbol.dispose]();
  }
}

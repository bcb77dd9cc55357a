// Network namespaces of pods, created as needed and removed together; a CNI plugin adds them to its network.

import { NetworkNamespace } from '../src/kernel/namespace.ts';
import type { BenchPod } from './load/cni-calls.ts';

export class BenchPods implements Disposable {
  readonly #prefix: string;
  readonly #made: BenchPod[] = [];

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  atLeast(count: number): readonly BenchPod[] {
    while (this.#made.length < count) {
      const containerId = `${this.#prefix}-${this.#made.length}`;
      const namespacePath = `/run/netns/${containerId}`;
      NetworkNamespace.create(namespacePath)[Symbol.dispose]();
      this.#made.push({ containerId, namespacePath });
    }
    return this.#made;
  }

  [Symbol.dispose](): void {
    for (const { namespacePath } of this.#made.splice(0)) NetworkNamespace.remove(namespacePath);
  }
}

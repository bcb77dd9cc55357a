// Which pod of the cluster has an address, followed from one snapshot to the next: only what changed costs anything but a
// comparison, since thousands of pods change a hundred times a second.

import type { ClusterPod } from '../cluster/objects.ts';
import type { Address } from '../net/address.ts';

export class PodNames {
  #pods: ReadonlyMap<string, ClusterPod> = new Map();
  /** The newest last: an address may be given anew before the cluster has told that its last pod is gone. */
  readonly #byAddress = new Map<Address, readonly ClusterPod[]>();

  of(address: Address): ClusterPod | undefined {
    return this.#byAddress.get(address)?.at(-1);
  }

  /**
   * By `namespace/name`; unchanged pods must be the same objects as before. Maps that were made from each other keep their
   * order, so both are walked side by side, and looked into only where they part.
   */
  follow(pods: ReadonlyMap<string, ClusterPod>): void {
    const before = this.#pods;
    if (pods === before) return;
    let still = 0;
    const walk = before.values();
    for (const [key, pod] of pods) {
      const known = walk.next().value === pod ? pod : before.get(key);
      if (known !== undefined) still++;
      if (known === pod) continue;
      if (known !== undefined) this.#remove(known);
      this.#add(pod);
    }
    if (still < before.size) {
      for (const [key, pod] of before) if (!pods.has(key)) this.#remove(pod);
    }
    this.#pods = pods;
  }

  // The addresses of a pod in the host's network are the node's.
  #add(pod: ClusterPod): void {
    if (pod.hostNetwork) return;
    for (const address of pod.addresses) {
      this.#byAddress.set(address, [...(this.#byAddress.get(address) ?? []), pod]);
    }
  }

  #remove(pod: ClusterPod): void {
    for (const address of pod.addresses) {
      const others = this.#byAddress.get(address)?.filter((other) => other !== pod) ?? [];
      if (others.length > 0) this.#byAddress.set(address, others);
      else this.#byAddress.delete(address);
    }
  }
}

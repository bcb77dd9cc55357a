// Maps addresses to pods of the cluster, followed from snapshot to snapshot: only changes cost anything, because the
// cluster may have thousands of pods and a hundred changes per second.

import { changesBetween } from '../base/collections/snapshot-map.ts';
import { namespacedName } from '../base/namespaced-name.ts';
import type { ClusterPod } from '../cluster/objects.ts';
import type { Address } from '../net/address.ts';

export type OnLeft = (address: Address, pod: ClusterPod) => void;

export class PodNames {
  #pods: ReadonlyMap<string, ClusterPod> = new Map();
  /**
   * Claims in ascending order. An address may be reassigned before the cluster reports that its last pod was deleted.
   */
  readonly #byAddress = new Map<Address, ClusterPod[]>();

  /**
   * `node`: the node whose range contains the address. Pods of other nodes are ignored, whatever their kubelets
   * reported.
   */
  of(address: Address, node?: string): ClusterPod | undefined {
    const pods = this.#byAddress.get(address);
    return pods?.findLast((pod) => node === undefined || (pod.node ?? node) === node);
  }

  /**
   * Pods by `namespace/name`; unchanged pods must be identical objects. For two snapshots of one `SnapshotMap` only
   * changes are examined. `onLeft` is called for each address that a pod no longer has, unless another pod had a better
   * claim.
   */
  follow(pods: ReadonlyMap<string, ClusterPod>, onLeft: OnLeft = () => undefined): void {
    const before = this.#pods;
    for (const { key, after } of changesBetween(before, pods)) {
      const known = before.get(key);
      if (known !== undefined) this.#remove(known, { next: after, onLeft });
      if (after !== undefined) this.#add(after);
    }
    this.#pods = pods;
  }

  #add(pod: ClusterPod): void {
    for (const address of heldBy(pod)) {
      const claims = this.#byAddress.get(address);
      if (claims === undefined) this.#byAddress.set(address, [pod]);
      else insert(claims, pod);
    }
  }

  #bestBefore(claims: readonly ClusterPod[]): ClusterPod | undefined {
    return claims.findLast((pod) => this.#pods.get(namespacedName(pod)) === pod);
  }

  #remove(
    pod: ClusterPod,
    { next, onLeft }: { next: ClusterPod | undefined; onLeft: OnLeft },
  ): void {
    const kept = next !== undefined && next.node === pod.node ? heldBy(next) : [];
    for (const address of heldBy(pod)) {
      const claims = this.#byAddress.get(address) ?? [];
      if (this.#bestBefore(claims) === pod && !kept.includes(address)) onLeft(address, pod);
      const index = claims.indexOf(pod);
      if (index >= 0) claims.splice(index, 1);
      if (claims.length === 0) this.#byAddress.delete(address);
    }
  }
}

/** Maximum number of claims of one node: an address moves from pod to pod, and the cluster may report it late. */
const mostClaims = 16;

// Equal claims stay in order of arrival. If a kubelet reports thousands of pods with the same address, the worst claims
// are dropped. This affects neither the node's other names nor those of other nodes.
function insert(claims: ClusterPod[], pod: ClusterPod): void {
  const after = claims.findLastIndex((other) => compareClaims(other, pod) <= 0);
  claims.splice(after + 1, 0, pod);
  if (claims.length <= mostClaims) return;
  const ofNode = claims.filter(({ node }) => node === pod.node);
  const [worst] = ofNode;
  if (ofNode.length > mostClaims && worst !== undefined) claims.splice(claims.indexOf(worst), 1);
}

// Pods in the host network have the node's addresses. A finished pod has none, whatever its status says.
function heldBy({ hostNetwork, phase, addresses }: ClusterPod): readonly Address[] {
  return hostNetwork || phase === 'Succeeded' || phase === 'Failed' ? [] : addresses;
}

// Order: running pods before others, remaining ones before those being deleted, newer ones before older ones.
function compareClaims(left: ClusterPod, right: ClusterPod): number {
  return rank(left) - rank(right) || age(left) - age(right);
}

function rank({ phase, isDeleting }: ClusterPod): number {
  return (isDeleting ? 0 : 2) + (phase === 'Running' ? 1 : 0);
}

function age({ createdAt = 0 }: ClusterPod): number {
  return createdAt;
}

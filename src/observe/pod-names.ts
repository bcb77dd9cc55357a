// Which pod of the cluster has an address, followed from one snapshot to the next: only what changed costs anything, since
// thousands of pods change a hundred times a second.

import { changesBetween } from '../base/snapshot-map.ts';
import type { ClusterPod } from '../cluster/objects.ts';
import type { Address } from '../net/address.ts';

export type OnLeft = (address: Address, pod: ClusterPod) => void;

export class PodNames {
  #pods: ReadonlyMap<string, ClusterPod> = new Map();
  /** The best claim last: an address may be given anew before the cluster has told that its last pod is gone. */
  readonly #byAddress = new Map<Address, ClusterPod[]>();

  /** `node`: whose range the address is in. No pod of another node has it, whatever that node's kubelet says. */
  of(address: Address, node?: string): ClusterPod | undefined {
    const pods = this.#byAddress.get(address);
    return pods?.findLast((pod) => node === undefined || (pod.node ?? node) === node);
  }

  /**
   * By `namespace/name`; unchanged pods must be the same objects as before. Of two snapshots of one `SnapshotMap` only what
   * changed is looked at. `onLeft` is called for each address that its pod does not have any more, unless another pod had the
   * better claim to it.
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
    return claims.findLast((pod) => this.#pods.get(`${pod.namespace}/${pod.name}`) === pod);
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

/** Of one node: an address goes from pod to pod, and the cluster may be late to tell of some of them. */
const mostClaims = 16;

// Those of equal claims stay in the order in which they came. Of the pods of one node that all have one address, as a kubelet
// may tell of thousands, the worst claims are left out: that node's other names do not depend on them, nor any other node's.
function insert(claims: ClusterPod[], pod: ClusterPod): void {
  const after = claims.findLastIndex((other) => compareClaims(other, pod) <= 0);
  claims.splice(after + 1, 0, pod);
  if (claims.length <= mostClaims) return;
  const ofNode = claims.filter(({ node }) => node === pod.node);
  const [worst] = ofNode;
  if (ofNode.length > mostClaims && worst !== undefined) claims.splice(claims.indexOf(worst), 1);
}

// The addresses of a pod in the host's network are the node's; a finished pod has none any more, whatever its status says.
function heldBy({ hostNetwork, phase, addresses }: ClusterPod): readonly Address[] {
  return hostNetwork || phase === 'Succeeded' || phase === 'Failed' ? [] : addresses;
}

// Running before others, those that stay before those being deleted, then the newer.
function compareClaims(left: ClusterPod, right: ClusterPod): number {
  return rank(left) - rank(right) || age(left) - age(right);
}

function rank({ phase, isDeleting }: ClusterPod): number {
  return (isDeleting ? 0 : 2) + (phase === 'Running' ? 1 : 0);
}

function age({ createdAt = 0 }: ClusterPod): number {
  return createdAt;
}

// The answer of `heddle clean-kube-proxy -o json`.

export interface KubeProxyCleaning {
  /** True: nothing was removed; `removed` is what would be. */
  readonly isDryRun: boolean;
  readonly removed: readonly RemovedOfKubeProxy[];
  /** What stays and why, one sentence each. */
  readonly left: readonly string[];
}

/** Kinds of which there is nothing are omitted. */
export interface RemovedOfKubeProxy {
  /** `nftables tables`, `chains of iptables (ip nat)`, `rules that led there (ip nat)` */
  readonly what: string;
  readonly count: number;
}

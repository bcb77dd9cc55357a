// How to reach the cluster's API server: `cluster.kubernetes` of the configuration.

export interface KubernetesSettings {
  /** File with address and credentials; if absent, those of the agent's pod are used. */
  readonly kubeconfig?: string | undefined;
  /** `https://192.0.2.1:6443`; tried in this order before any other address. */
  readonly apiServers: readonly string[];
  /** A kubeconfig (the kubelet's) from which only the address is used; ignored while it does not exist. */
  readonly apiServersFrom?: string | undefined;
  /** Name required in the server's certificate, if it is not the host of the address. */
  readonly tlsServerName?: string | undefined;
  /**
   * Whether pods of other nodes are read, for their names in the flow log; otherwise only those of this node. Default
   * true.
   */
  readonly remotePodNames?: boolean | undefined;
  /** Key of the taint that is removed from this node's Node object when the agent is ready; absent: none. */
  readonly startupTaint?: string | undefined;
}

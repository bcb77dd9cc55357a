// How to reach the cluster's API server: the configuration's `cluster.kubernetes`.

export interface KubernetesSettings {
  /** File with address and credentials; absent: those of the pod that the agent runs in. */
  readonly kubeconfig?: string | undefined;
  /** `https://192.0.2.1:6443`, tried in this order before any other address. */
  readonly apiServers: readonly string[];
  /** A kubeconfig (the kubelet's) of which the address is used and nothing else; skipped while it is not there. */
  readonly apiServersFrom?: string | undefined;
  /** The name that the server's certificate must have, where that is not the host of its address. */
  readonly tlsServerName?: string | undefined;
  /** Whether pods of other nodes are read, for their names in the flow log; else only those of this node are.
   * Absent: they are. */
  readonly remotePodNames?: boolean | undefined;
  /** The key of a taint that is removed from our own Node when the agent is ready; absent: none is. */
  readonly startupTaint?: string | undefined;
}

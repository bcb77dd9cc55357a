// The nodes of the cluster.

/** GET /v1/nodes: NodeView[], this node first, then by name. */
export interface NodeView {
  readonly name: string;
  readonly self: boolean;
  readonly addresses: readonly string[];
  /** Unverified addresses, which only that Node claims: flows are not attributed to it by them. Absent: none. */
  readonly unverified?: readonly string[];
  readonly podCidrs: readonly string[];
  readonly pods: number;
}

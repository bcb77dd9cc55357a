// GET /v1/kernel: the node's own links, addresses, routes and neighbours.

/** What the kernel has, a line each, as `ip` would print it: of this node's links, also what is not Heddle's. */
export interface KernelView {
  readonly links: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly neighbours: readonly string[];
  /** Heddle's table as libnftables-json(5) has it; absent when there is none. */
  readonly nftables?: readonly unknown[];
}

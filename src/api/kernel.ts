// GET /v1/kernel: the node's own links, addresses, routes and neighbours.

/** The kernel's state, one line per object, as `ip` prints it, including objects that are not Heddle's. */
export interface KernelView {
  readonly links: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly neighbours: readonly string[];
  /** Heddle's table as in libnftables-json(5); absent if there is none. */
  readonly nftables?: readonly unknown[];
}

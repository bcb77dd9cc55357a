// The latest look at the node's links, addresses and routes, shared by those who decide by it: the model, the table of
// kernel parameters, and the facts about the node.

import type { ListedSettings } from '../datapath/tables/sysctls.ts';
import type { ConfiguredLink } from '../kernel/netlink/devconf.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { HostListing } from './host-facts.ts';

export class HostLooks {
  readonly #list: () => HostListing;
  #latest: HostListing | undefined;
  #byIndex: ReadonlyMap<IfIndex, ConfiguredLink> | undefined;

  constructor(list: () => HostListing) {
    this.#list = list;
  }

  get latest(): HostListing | undefined {
    return this.#latest;
  }

  /** Throws KernelError. */
  look(): HostListing {
    const listing = this.#list();
    if (listing.links !== this.#latest?.links) this.#byIndex = undefined;
    this.#latest = listing;
    return listing;
  }

  settings(ifIndex: IfIndex): ListedSettings | undefined {
    this.#byIndex ??= new Map((this.#latest?.links ?? []).map((link) => [link.ifIndex, link]));
    const link = this.#byIndex.get(ifIndex);
    if (link === undefined) return undefined;
    const { ipv4, ipv6 } = link;
    return {
      forwarding4: ipv4 && String(ipv4.forwarding),
      disableIpv6: ipv6 && String(Number(ipv6.disabled)),
    };
  }
}

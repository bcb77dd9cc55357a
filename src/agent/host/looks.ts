// The latest listing of the node's links, addresses and routes, shared by the model, the tables of kernel parameters
// and limits, and the facts about the node.

import type { ListedSettings } from '../../datapath/host/sysctls.ts';
import type { ConfiguredLink } from '../../kernel/netlink/devconf.ts';
import { isQueueName } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { HostListing } from './facts.ts';

export class HostLooks {
  readonly #list: () => HostListing;
  #latest: HostListing | undefined;
  #byIndex: ReadonlyMap<IfIndex, ConfiguredLink> | undefined;
  readonly #made = new Map<IfIndex, ListedSettings>();

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
    this.#made.clear();
    return listing;
  }

  /** Records an interface that the agent created since the latest listing. */
  noticeMade(link: MadeLink): void {
    this.#made.set(link.ifIndex, settingsOf(link));
  }

  /** Settings of an interface created since the latest listing, as they were at its creation. */
  readonly madeSettings = (ifIndex: IfIndex): ListedSettings | undefined => this.#made.get(ifIndex);

  /** Whether the links include a pod's queue, whoever created it. True before the first listing. */
  get hasQueues(): boolean {
    return this.#latest?.links.some(({ name }) => isQueueName(name)) ?? true;
  }

  settings(ifIndex: IfIndex): ListedSettings | undefined {
    this.#byIndex ??= new Map((this.#latest?.links ?? []).map((link) => [link.ifIndex, link]));
    const link = this.#byIndex.get(ifIndex);
    return link && settingsOf(link);
  }
}

export type MadeLink = Pick<ConfiguredLink, 'ifIndex' | 'ipv4' | 'ipv6'>;

function settingsOf({ ipv4, ipv6 }: MadeLink): ListedSettings {
  return {
    forwarding4: ipv4 && String(ipv4.forwarding),
    routeLocalnet: ipv4 && String(ipv4.routeLocalnet),
    disableIpv6: ipv6 && String(Number(ipv6.disabled)),
  };
}

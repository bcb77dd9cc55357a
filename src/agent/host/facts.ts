// Facts about the node: the interfaces that lead off it, with MTU and addresses, read over netlink.

import { type InterfaceAddress, listAddresses } from '../../kernel/netlink/address.ts';
import { type ConfiguredLink, listConfiguredLinks } from '../../kernel/netlink/devconf.ts';
import { outgoingPolicies } from '../../kernel/netlink/ipsec.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import { steadyListing } from '../../kernel/netlink/protocol/steady-listing.ts';
import type { RouteRecord } from '../../kernel/netlink/route-record.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { HostAddress, HostFacts, OccupiedRange, Uplink } from '../../model/host.ts';
import { isLinkLocal } from '../../model/network/underlay.ts';
import { type Address, type AddressFamily, compareAddresses, isMapped } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { hostPrefix } from '../../net/prefix.ts';
import { isEndpointName } from '../../pods/interface/names.ts';
import { mainRoutesLister } from './main-routes.ts';

export interface UplinkChoice {
  /** Interface names, or `auto`. */
  readonly uplinks: 'auto' | readonly string[];
  /** Addresses by which the cluster knows this node. */
  readonly nodeAddresses: readonly Address[];
  /** Known addresses of the API server. */
  readonly apiServers?: readonly Address[] | undefined;
  /** Name of heddle's VXLAN device. */
  readonly overlayDevice: string;
}

/** Kernel listings from which the facts are derived. */
export interface HostListing {
  readonly links: readonly ConfiguredLink[];
  readonly addresses: readonly InterfaceAddress[];
  /** Routes of the main table, except heddle's: see main-routes.ts. */
  readonly routes: readonly RouteRecord[];
  /** Families of which the main table has more routes. Absent: none. */
  readonly unreadRoutes?: readonly AddressFamily[];
  /** Whether IPsec policies apply to packets that the node sends. */
  readonly hasIpsec: boolean;
}

/**
 * Returns a function for repeated calls, which throws KernelError. `ipsec`: absent if the kernel does not support it.
 */
export function hostLister(
  socket: Pick<NetlinkSocket, 'dump' | 'dumpSome' | 'get'>,
  ipsec: Pick<NetlinkSocket, 'get'> | undefined,
): () => HostListing {
  const list = steadyListing(socket, (dumps) => ({
    links: listConfiguredLinks(dumps),
    addresses: listAddresses(dumps),
  }));
  const routes = mainRoutesLister(socket);
  return () => ({
    ...list(),
    ...routes(),
    hasIpsec: ipsec !== undefined && outgoingPolicies(ipsec) > 0,
  });
}

/** Returns `previous` if nothing changed, because results derived from it are memoized by reference. */
export function hostFacts(
  listing: HostListing,
  choice: UplinkChoice,
  previous?: HostFacts,
): HostFacts {
  const vxlan = listing.links.find((link) => link.name === choice.overlayDevice);
  const uplinks = chosenLinks(listing, choice);
  const routerAdvertised = listing.links
    .filter((link) => !uplinks.includes(link) && link !== vxlan && takesRouters(link, listing))
    .map(({ name }) => name);
  const facts: HostFacts = {
    uplinks: uplinks.map((link) => uplinkOf(link, listing)),
    addresses: ownAddresses(listing, choice),
    ...occupiedRanges(listing, choice),
    ...(vxlan === undefined ? {} : { vxlan: vxlanOf(vxlan) }),
    ...(routerAdvertised.length === 0 ? {} : { routerAdvertised }),
    ...(listing.hasIpsec ? { hasIpsec: true } : {}),
  };
  return JSON.stringify(facts) === JSON.stringify(previous) && previous ? previous : facts;
}

function vxlanOf({ ifIndex, up }: Link): NonNullable<HostFacts['vxlan']> {
  return up ? { ifIndex } : { ifIndex, isDown: true };
}

/**
 * The configured interfaces, or by default those with one of the node's addresses and those of default routes. Ports of
 * other links (a bridge, a bond) are not chosen by default, whatever addresses and routes they still have: the other
 * link receives their packets, and a program at the port would run before it.
 */
function chosenLinks(listing: HostListing, choice: UplinkChoice): readonly ConfiguredLink[] {
  const { uplinks, nodeAddresses, overlayDevice } = choice;
  const links = listing.links.toSorted((left, right) => left.ifIndex - right.ifIndex);
  if (uplinks !== 'auto') return links.filter((link) => uplinks.includes(link.name));
  const wanted = new Set([
    ...listing.addresses
      .filter(({ address }) => nodeAddresses.includes(address))
      .map(({ ifIndex }) => ifIndex),
    ...listing.routes.filter(isDefault).flatMap(interfacesOf),
  ]);
  // A VRF is a routing table. Its ports are interfaces of their own.
  const tables = links.filter(({ kind }) => kind === 'vrf').map(({ ifIndex }) => ifIndex);
  return links
    .filter(({ master }) => master === undefined || tables.includes(master))
    .filter((link) => wanted.has(link.ifIndex) && !link.loopback && link.name !== overlayDevice);
}

// Ranges that no Node can have for its pods, besides the node's own addresses.
function occupiedRanges(
  { links, routes }: HostListing,
  { apiServers = [] }: UplinkChoice,
): Pick<HostFacts, 'occupied'> {
  const names = new Map(links.map(({ ifIndex, name }) => [ifIndex, name]));
  const gateways = new Map(routes.filter(isDefault).flatMap((route) => gatewaysOf(route)));
  const occupied: readonly OccupiedRange[] = [
    ...[...new Set(apiServers)].sort().map((address) => {
      return { kind: 'api server', prefix: hostPrefix(address) } as const;
    }),
    ...Array.from(gateways, ([gateway, ifIndex]) => {
      const ifName = ifIndex === undefined ? undefined : names.get(ifIndex);
      return { kind: 'gateway', prefix: hostPrefix(gateway), ifName } as const;
    }),
  ];
  return occupied.length === 0 ? {} : { occupied };
}

function gatewaysOf({
  gateway,
  ifIndex,
  nextHops = [],
}: RouteRecord): readonly (readonly [Address, IfIndex | undefined])[] {
  const all = [{ gateway, ifIndex }, ...nextHops];
  return all.flatMap((hop) =>
    hop.gateway === undefined || isLinkLocal(hop.gateway) || isMapped(hop.gateway)
      ? []
      : [[hop.gateway, hop.ifIndex]],
  );
}

// Hardware interfaces and those built on them solicit routers. Of others (for example a bridge of containers) only
// those that received advertisements count, because the rest would begin to accept advertisements from whatever is
// behind them. 2: set earlier, by heddle or an administrator.
function takesRouters(link: ConfiguredLink, { routes }: HostListing): boolean {
  const { ipv6, ifIndex, kind } = link;
  if (ipv6 === undefined || ipv6.disabled || ipv6.acceptRa === 0) return false;
  if (link.loopback || link.master !== undefined || isEndpointName(link.name)) return false;
  if (ipv6.acceptRa === 2 || ipv6.heardRouter) return true;
  if (kind === undefined || likeHardware.has(kind)) return true;
  return routes.some(
    (route) => route.protocol === byRouter && interfacesOf(route).includes(ifIndex),
  );
}

const likeHardware: ReadonlySet<string> = new Set(['vlan', 'bond', 'team']);
// RTPROT_RA
const byRouter = 9;

// Without link-local addresses, because each pod's interface may have one, and without IPv4-mapped ones, here and in
// all listings of the node's addresses: the data path would treat them as IPv4 addresses.
function ownAddresses(
  { links, addresses }: HostListing,
  { overlayDevice }: UplinkChoice,
): readonly HostAddress[] {
  const byIndex = new Map(links.map((link) => [link.ifIndex, link]));
  return addresses.flatMap(({ ifIndex, address, prefixLength, dadFailed }) => {
    const link = byIndex.get(ifIndex);
    if (link === undefined || dadFailed || isLinkLocal(address) || isMapped(address)) return [];
    if (link.name === overlayDevice) return [];
    const leadsNowhere = link.loopback || link.kind === 'dummy';
    return [{ address, prefixLength, ifName: link.name, leadsNowhere }];
  });
}

function uplinkOf({ ifIndex, name, mtuBytes, mac }: Link, listing: HostListing): Uplink {
  const addresses = listing.addresses
    .filter(
      ({ ifIndex: of, dadFailed, address }) => of === ifIndex && !dadFailed && !isMapped(address),
    )
    .map(({ address, prefixLength }) => ({ address, prefixLength }));
  const routes = listing.routes.filter((route) => interfacesOf(route).includes(ifIndex));
  const routeMtus = routes.flatMap((route) => route.mtuBytes ?? []);
  const gateways = gatewaysBy(ifIndex, routes);
  return {
    ...{ ifIndex, name, mtuBytes, addresses },
    ...(gateways.length === 0 ? {} : { gateways }),
    ...(mac === undefined ? {} : { mac }),
    ...(routeMtus.length === 0 ? {} : { routeMtuBytes: Math.min(...routeMtus) }),
  };
}

function gatewaysBy(ifIndex: IfIndex, routes: readonly RouteRecord[]): readonly Address[] {
  const hops = routes
    .filter(({ type }) => type === 'unicast')
    .flatMap((route) => [route, ...(route.nextHops ?? [])])
    .filter((hop) => hop.ifIndex === ifIndex);
  return [...new Set(hops.flatMap(({ gateway }) => gateway ?? []))]
    .filter((each) => !isMapped(each))
    .sort(compareAddresses);
}

function interfacesOf({ ifIndex, nextHops = [] }: RouteRecord): readonly (IfIndex | undefined)[] {
  return [ifIndex, ...nextHops.map((hop) => hop.ifIndex)];
}

function isDefault(route: RouteRecord): boolean {
  return route.type === 'unicast' && route.destination.endsWith('/0');
}

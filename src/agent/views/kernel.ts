// The kernel's state on this node as text, for a bug report. Rarely requested, so the sockets are opened per request.

import type { KernelView } from '../../api/kernel.ts';
import { Nftables } from '../../kernel/netfilter/nftables.ts';
import { listAddresses } from '../../kernel/netlink/address.ts';
import { listLinks } from '../../kernel/netlink/link.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import { listNeighbours, type Neighbour } from '../../kernel/netlink/neighbour.ts';
import { PartialDumps } from '../../kernel/netlink/partial-listing.ts';
import { listRoutes } from '../../kernel/netlink/route.ts';
import { mainTable, type RouteRecord } from '../../kernel/netlink/route-record.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { nftTableName } from '../../model/ids.ts';
import type { IfIndex } from '../../net/if-index.ts';

const mostLines = 10_000;

/** Throws KernelError. */
export function kernelView(): KernelView {
  using socket = NetlinkSocket.open();
  using nft = Nftables.open();
  const links = listLinks(socket);
  const names = new Map(links.map(({ ifIndex, name }) => [ifIndex, name]));
  const dev = (ifIndex: IfIndex): string => names.get(ifIndex) ?? `index ${ifIndex}`;
  const first = new PartialDumps(socket, { most: mostLines });
  const nftables = nft.listTable('inet', nftTableName);
  const some = (lines: readonly string[]): readonly string[] => lines.slice(0, mostLines);
  return {
    links: some(links.map(linkText)),
    addresses: some(
      listAddresses(first).map(
        ({ ifIndex, address, prefixLength }) => `${address}/${prefixLength} dev ${dev(ifIndex)}`,
      ),
    ),
    routes: some(listRoutes(first).map((route) => routeText(route, dev))),
    neighbours: some(listNeighbours(first).map((neighbour) => neighbourText(neighbour, dev))),
    ...(nftables === undefined ? {} : { nftables }),
  };
}

function linkText(link: Link): string {
  const { ifIndex, name, kind, mac, mtuBytes, up, running, peerIfIndex } = link;
  const state = running ? 'up' : up ? 'up, no carrier' : 'down';
  return words([
    `${ifIndex}: ${name}`,
    kind,
    `mtu ${mtuBytes}`,
    state,
    mac,
    peerIfIndex === undefined ? undefined : `peer index ${peerIfIndex}`,
  ]);
}

function routeText(route: RouteRecord, dev: (ifIndex: IfIndex) => string): string {
  const { type, destination, gateway, ifIndex, nextHops, table, protocol } = route;
  return words([
    type === 'unicast' ? undefined : type,
    destination,
    gateway === undefined ? undefined : `via ${gateway}`,
    ifIndex === undefined ? undefined : `dev ${dev(ifIndex)}`,
    nextHops?.map((hop) => `nexthop dev ${dev(hop.ifIndex)}`).join(' '),
    `proto ${protocol}`,
    table === mainTable ? undefined : `table ${table}`,
  ]);
}

function neighbourText(neighbour: Neighbour, dev: (ifIndex: IfIndex) => string): string {
  const { address, ifIndex, mac, managed, externallyLearned, state } = neighbour;
  return words([
    ...[address, `dev ${dev(ifIndex)}`, mac],
    managed ? 'managed' : undefined,
    externallyLearned ? 'extern_learn' : undefined,
    state,
  ]);
}

function words(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ');
}

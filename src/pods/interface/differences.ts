// CHECK: finds differences between a pod's interface in the kernel and the result of ADD. Additions by others
// (addresses, routes, interfaces) are not differences.

import { listAddresses } from '../../kernel/netlink/address.ts';
import { linkByIndex, linkByName } from '../../kernel/netlink/link.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import { neighbourOf } from '../../kernel/netlink/neighbour.ts';
import { PartialDumps } from '../../kernel/netlink/partial-listing.ts';
import { listRoutes } from '../../kernel/netlink/route.ts';
import { mainTable } from '../../kernel/netlink/route-record.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { Mac } from '../../net/mac.ts';
import { gatewayMac, podDefaultRoute, podGateways } from './gateway.ts';
import { othersLimit } from './shaping.ts';

/** Sockets for the queries, each in its namespace. */
export interface PodSockets {
  readonly node: NetlinkSocket;
  readonly pod: NetlinkSocket;
}

/** One sentence per difference; empty if everything is as ADD left it. Throws KernelError. */
export function podDifferences(endpoint: LocalEndpoint, sockets: PodSockets): readonly string[] {
  const { hostIfName, hostIfIndex, ifName, mac, mtuBytes } = endpoint;
  const host = linkByName(sockets.node, hostIfName) ?? renamedHost(sockets.node, hostIfIndex);
  const pod = linkByName(sockets.pod, ifName);
  if (host === undefined) return [`interface ${hostIfName} on the node is missing`];
  if (pod === undefined) return [`interface ${ifName} in the pod is missing`];
  const ends = [
    ...linkDifferences(`interface ${hostIfName} on the node`, host, { mac: gatewayMac, mtuBytes }),
    ...linkDifferences(`interface ${ifName} in the pod`, pod, { mac, mtuBytes }),
  ];
  if (host.name !== hostIfName) {
    ends.push(`interface ${hostIfName} on the node was renamed to ${host.name}`);
  }
  if (host.ifIndex !== hostIfIndex) {
    ends.push(`interface ${hostIfName} has index ${host.ifIndex} instead of ${hostIfIndex}`);
  }
  if (host.peerIfIndex !== pod.ifIndex || pod.peerIfIndex !== host.ifIndex) {
    ends.push(`interface ${ifName} in the pod is not the other end of ${hostIfName}`);
  }
  return [
    ...ends,
    ...podSideDifferences(endpoint, sockets.pod, pod.ifIndex),
    ...othersLimit(sockets.node, endpoint),
  ];
}

function renamedHost(node: NetlinkSocket, ifIndex: IfIndex): Link | undefined {
  const link = linkByIndex(node, ifIndex);
  return link?.kind === 'veth' && link.mac === gatewayMac ? link : undefined;
}

function linkDifferences(
  what: string,
  found: Link,
  wanted: { readonly mac: Mac; readonly mtuBytes: number },
): string[] {
  const differences: string[] = [];
  if (!found.up) differences.push(`${what} is down`);
  if (found.mac !== wanted.mac) {
    differences.push(`${what} has MAC ${found.mac} instead of ${wanted.mac}`);
  }
  if (found.mtuBytes !== wanted.mtuBytes) {
    differences.push(`${what} has MTU ${found.mtuBytes} instead of ${wanted.mtuBytes}`);
  }
  return differences;
}

// What ADD created comes first in the kernel's lists (the first address, the default route). The pod controls the
// length of the rest, which is not read to its end.
const mostListed = 1000;

function podSideDifferences(
  { addresses, ifName }: LocalEndpoint,
  pod: NetlinkSocket,
  ifIndex: IfIndex,
): string[] {
  const differences: string[] = [];
  const dumps = {
    addresses: new PartialDumps(pod, { most: mostListed }),
    routes: new PartialDumps(pod, { most: mostListed }),
  };
  const assigned = listAddresses(dumps.addresses, { ifIndex });
  const routes = listRoutes(dumps.routes, { table: mainTable, ifIndex });
  for (const address of addresses) {
    const family = addressFamily(address);
    const gateway = podGateways[family];
    if (!assigned.some((entry) => entry.address === address)) {
      differences.push(
        `interface ${ifName} in the pod no longer has its address ${address}${unlessBeyond(dumps.addresses)}`,
      );
    }
    const { destination } = podDefaultRoute(family, ifIndex);
    if (!routes.some((route) => route.destination === destination && route.gateway === gateway)) {
      differences.push(
        `the pod no longer has its route ${destination} via ${gateway}${unlessBeyond(dumps.routes)}`,
      );
    }
    const neighbour = neighbourOf(pod, { ifIndex, address: gateway });
    if (neighbour?.mac !== gatewayMac || neighbour.state !== 'permanent') {
      differences.push(
        `the pod no longer has the permanent neighbour entry of its gateway ${gateway}`,
      );
    }
  }
  return differences;
}

function unlessBeyond({ isWhole }: PartialDumps): string {
  return isWhole ? '' : `, or it is not among the pod's first ${mostListed}`;
}

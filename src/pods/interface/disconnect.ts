// Makes a pod's interface useless immediately: down at both ends, without addresses, its names free. Deleting it takes
// the kernel much longer and follows later. The pod controls its own end and may have added a hundred thousand
// addresses and routes: setting such an end down would hold the RTNL lock for seconds. The deletion, in another thread,
// removes them. A pod has more kinds of state than are counted here, so its end is always set down in another thread.

import { podRoute } from '../../datapath/host/routes.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { NetworkNamespace } from '../../kernel/namespace.ts';
import { delAddress, type InterfaceAddress, listAddresses } from '../../kernel/netlink/address.ts';
import { batch, batchAside, throwFirst } from '../../kernel/netlink/batch.ts';
import { linkByIndex, linkByName, setLink } from '../../kernel/netlink/link.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import { hasMoreThan, PartialDumps } from '../../kernel/netlink/partial-listing.ts';
import { delRoute, listRoutes } from '../../kernel/netlink/route.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { doomedGroup } from '../../model/ids.ts';
import { addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { EndpointRecord } from '../records/record.ts';
import { doomedName } from './names.ts';
import { hasManyNextHops, removeNextHops } from './next-hops.ts';

// Each address costs another request, each route a walk in the kernel.
const mostAddresses = 16;
const mostRoutes = 64;

export interface NodeSide {
  readonly socket: NetlinkSocket;
  readonly namespace: NetworkNamespace;
}

/**
 * True: no packet passes any more, nothing has its names, and it is in `doomedGroup`. False: the pod's end was not
 * found, could not be changed, or has far more than ADD created; it must then be deleted immediately, and nothing was
 * changed.
 */
export async function disconnect(
  { socket: node, namespace: ownNamespace }: NodeSide,
  host: Link,
  record: EndpointRecord,
): Promise<boolean> {
  try {
    using namespace = NetworkNamespace.open(record.namespacePath);
    using pod = NetlinkSocket.open({ namespace });
    if (namespace.inode() === ownNamespace.inode()) return false;
    if (hasManyNextHops(pod) && hasPeer(pod, host)) await removeNextHops(pod, namespace);
    const found = linkByName(pod, record.ifName);
    if (found === undefined || !isOtherEnd(found, host, record)) return false;
    const addresses = fewAddresses(pod, found.ifIndex);
    if (addresses === undefined || hasManyRoutes(pod, found.ifIndex)) return false;
    const name = doomedName(host.ifIndex);
    goDown(node, { ...record, ifIndex: host.ifIndex, name });
    const outcomes = await batchAside(pod, (requests) => {
      setLink(requests, { ifIndex: found.ifIndex, up: false, name });
      for (const { ifIndex, address, prefixLength } of addresses) {
        delAddress(requests, { ifIndex, address, prefixLength });
      }
    });
    // IPv6 addresses were removed when it went down.
    return outcomes.every(
      (failure) => failure === undefined || isKernelError(failure, 'EADDRNOTAVAIL'),
    );
  } catch (error) {
    // The namespace is being deleted, or a needed name is in use: the deletion reports or resolves this.
    if (isKernelError(error)) return false;
    throw error;
  }
}

// Undefined: there are many. The kernel lists those of one interface without reading the others.
function fewAddresses(
  pod: NetlinkSocket,
  ifIndex: IfIndex,
): readonly InterfaceAddress[] | undefined {
  const dumps = new PartialDumps(pod, { most: mostAddresses });
  const addresses = listAddresses(dumps, { ifIndex });
  return dumps.isWhole ? addresses : undefined;
}

function hasManyRoutes(pod: NetlinkSocket, ifIndex: IfIndex): boolean {
  return hasMoreThan(pod, mostRoutes, (dumps) => listRoutes(dumps, { ifIndex }));
}

// If a link with an IPv4 route goes down, the kernel walks all routes of the node; without one, only the link's own.
function goDown(
  node: NetlinkSocket,
  {
    ifIndex,
    name,
    addresses,
  }: Pick<EndpointRecord, 'addresses'> & { ifIndex: IfIndex; name: string },
): void {
  const ipv4 = addresses.filter((address) => addressFamily(address) === 4);
  const outcomes = batch(node, (requests) => {
    for (const address of ipv4) delRoute(requests, podRoute(address, ifIndex));
    setLink(requests, { ifIndex, up: false, name, group: doomedGroup });
  });
  throwFirst(outcomes.slice(ipv4.length));
}

// Indices are per namespace: two interfaces may refer to each other's index by chance.
function isOtherEnd(found: Link, host: Link, { mac }: EndpointRecord): boolean {
  return found.mac === mac && isPeer(found, host);
}

// By index: the pod may have renamed its end or changed its MAC.
function hasPeer(pod: NetlinkSocket, host: Link): boolean {
  const { peerIfIndex } = host;
  return peerIfIndex !== undefined && isPeer(linkByIndex(pod, peerIfIndex), host);
}

function isPeer(found: Link | undefined, host: Link): boolean {
  return (
    found?.kind === 'veth' &&
    found.peerIfIndex === host.ifIndex &&
    host.peerIfIndex === found.ifIndex
  );
}

// Facts about the state of uplinks, pods' interfaces and the VXLAN device: whether packets leave there, and by which way.

import { namespacedName } from '../../../base/namespaced-name.ts';
import type { ConfiguredLink } from '../../../kernel/netlink/devconf.ts';
import type { DesiredState } from '../../../model/desired.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { gatewayMac } from '../../../pods/interface/gateway.ts';
import { isEndpointName } from '../../../pods/interface/names.ts';
import type { ObservedKernel, ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem, some } from './fact.ts';
import { hasNoArp } from './next-hop-checks.ts';

export function linkFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const byIndex = new Map(kernel.host.links.map((link) => [link.ifIndex, link]));
  const uplinks = desired.uplinks.flatMap(({ ifIndex }) => byIndex.get(ifIndex) ?? []);
  const down = uplinks.filter(({ running }) => !running);
  const silent = desired.endpoints
    .values()
    .filter(({ hostIfIndex }) => byIndex.get(hostIfIndex)?.up === false);
  const found: Finding[] = [];
  for (const { name, up } of down) {
    found.push(
      problem(`uplink ${name} ${up ? 'has no carrier' : 'is down'}: no packets leave there`),
    );
  }
  if (silent.length > 0) {
    const names = some(
      silent.map(({ hostIfName, pod }) =>
        pod ? `${hostIfName} of ${namespacedName(pod)}` : hostIfName,
      ),
    );
    found.push(problem(`interfaces of pods are down: ${names}; bring them up, or delete the pods`));
  }
  return [
    ...found,
    ...unresolvedFindings(uplinks, kernel, desired),
    ...otherMacFindings(byIndex, desired),
    ...masterFindings(uplinks, byIndex, desired),
  ];
}

// The kernel addresses packets of an Ethernet interface with NOARP to the interface itself, except to neighbours with
// permanent entries.
function unresolvedFindings(
  uplinks: readonly ConfiguredLink[],
  { foreignNeighbours }: ObservedKernel,
  { nextHops }: DesiredState,
): readonly Finding[] {
  return uplinks.filter(hasNoArp).flatMap(({ ifIndex, name }) => {
    const permanent = foreignNeighbours
      .filter((each) => each.ifIndex === ifIndex && each.state === 'permanent')
      .map(({ address }) => address);
    const lost = nextHops.filter(
      (hop) => hop.ifIndex === ifIndex && !permanent.includes(hop.address),
    );
    if (lost.length === 0) return [];
    const hops = some(lost.map(({ address }) => address));
    const text = `uplink ${name} does not ask for MAC addresses (NOARP): no packets reach the next hops ${hops}`;
    return [problem(`${text}; ip link set dev ${name} arp on`)];
  });
}

// Packets that a pod sends to the node's stack carry its gateway's MAC address. The kernel drops them if the interface
// has a different one.
function otherMacFindings(
  byIndex: ReadonlyMap<IfIndex, ConfiguredLink>,
  { endpoints }: DesiredState,
): readonly Finding[] {
  return endpoints.values().flatMap(({ hostIfIndex }) => {
    const { name, mac } = byIndex.get(hostIfIndex) ?? {};
    if (name === undefined || mac === undefined || mac === gatewayMac) return [];
    const what = `interface ${name} of a pod has MAC address ${mac}: the node drops packets from the pod that are not for other pods`;
    return [problem(`${what}; ip link set dev ${name} address ${gatewayMac}`)];
  });
}

// If a pod's interface or the VXLAN device is a port of a bridge or in a VRF, or an uplink is in a VRF, packets take a
// different path.
function masterFindings(
  uplinks: readonly ConfiguredLink[],
  byIndex: ReadonlyMap<IfIndex, ConfiguredLink>,
  { endpoints, overlay }: DesiredState,
): readonly Finding[] {
  const pods = endpoints.values().flatMap(({ hostIfIndex }) => byIndex.get(hostIfIndex) ?? []);
  const tunnel = [...byIndex.values()].filter(({ name }) => name === overlay?.name);
  return [...pods, ...tunnel, ...uplinks].flatMap((link) => {
    const master = link.master === undefined ? undefined : byIndex.get(link.master);
    if (master === undefined) return [];
    const { name, kind = 'device' } = master;
    const isPod = isEndpointName(link.name);
    const isOurs = isPod || link.name === overlay?.name;
    if (!isOurs && kind !== 'vrf' && kind !== 'bridge') return [];
    const whose = isPod
      ? `interface ${link.name} of a pod`
      : `${isOurs ? 'device' : 'uplink'} ${link.name}`;
    const what = `${whose} belongs to ${kind} ${name}`;
    if (isOurs || kind === 'vrf')
      return [problem(`${what}: its packets do not use the routes of the main table`)];
    return [
      note(`${what}, which has the addresses: list ${name} in \`uplinks\` of the configuration`),
    ];
  });
}

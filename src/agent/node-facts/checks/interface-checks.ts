// Facts about the node's interfaces: kernel switches for their packets, and their owners. Their state: link-checks.ts.

import { namespacedName } from '../../../base/namespaced-name.ts';
import type { ConfiguredLink } from '../../../kernel/netlink/devconf.ts';
import type { DesiredState } from '../../../model/desired.ts';
import { overlayDeviceName } from '../../../model/ids.ts';
import { isOverlayDevice } from '../../../model/network/overlay-device.ts';
import { addressFamily } from '../../../net/address.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { prefixFamily } from '../../../net/prefix.ts';
import { isEndpointName } from '../../../pods/interface/names.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem, some } from './fact.ts';

export function forwardingFindings(node: ObservedNode): readonly Finding[] {
  const { desired, kernel } = node;
  const found: Finding[] = [];
  if (hasRange(desired, 6) && kernel.settings.get('net/ipv6/conf/all/forwarding') === '0') {
    found.push(
      problem(
        'net.ipv6.conf.all.forwarding is 0: the node forwards no IPv6 packets to or from pods',
      ),
    );
  }
  if (!hasRange(desired, 4)) return found;
  if (kernel.settings.get('net/ipv4/ip_forward') === '0') {
    return [
      ...found,
      problem('net.ipv4.ip_forward is 0: the node forwards no IPv4 packets to or from pods'),
    ];
  }
  const off = kernel.host.links.filter(({ ipv4 }) => ipv4?.forwarding === 0);
  const ours = off.filter((link) => isPathOfPods(link, desired));
  const routed = new Set(kernel.host.routes.flatMap(({ ifIndex }) => ifIndex ?? []));
  const others = off.filter(
    (link) =>
      !ours.includes(link) &&
      !link.loopback &&
      link.up &&
      routed.has(link.ifIndex) &&
      !isPodLink(link),
  );
  const names = (links: readonly ConfiguredLink[]): string => some(links.map(({ name }) => name));
  if (ours.length > 0) {
    found.push(
      problem(
        `net.ipv4.conf.NAME.forwarding is 0 for ${names(ours)}: IPv4 packets that arrive there are not forwarded`,
      ),
    );
  }
  if (others.length > 0) {
    found.push(
      note(
        `net.ipv4.conf.NAME.forwarding is 0 for ${names(others)}: replies to pods that arrive there are not forwarded`,
      ),
    );
  }
  return found;
}

export function routerFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  if (!hasRange(desired, 6)) return [];
  const takes = new Set([
    ...(desired.routerAdvertised ?? []),
    ...desired.uplinks.map(({ name }) => name),
  ]);
  const deaf = kernel.host.links.filter(
    ({ name, ipv6 }) =>
      ipv6?.acceptRa === 1 && ipv6.forwarding !== 0 && ipv6.heardRouter && takes.has(name),
  );
  if (deaf.length === 0) return [];
  const names = some(deaf.map(({ name }) => name));
  return [
    problem(
      `net.ipv6.conf.NAME.accept_ra is 1 for ${names}, but the node forwards packets: routes learnt from router advertisements there expire`,
    ),
  ];
}

export function ipv6Findings({ kernel, desired }: ObservedNode): readonly Finding[] {
  if (!hasRange(desired, 6)) return [];
  const off = kernel.host.links.filter(({ ipv6 }) => ipv6?.disabled === true);
  const ours = off.filter((link) => isOwnOfFamily(link, desired, 6));
  const uplinks = off.filter(({ ifIndex }) => isUplink(desired, ifIndex));
  const names = (links: readonly ConfiguredLink[]): string => some(links.map(({ name }) => name));
  return [
    ...(ours.length === 0
      ? []
      : [
          problem(
            `net.ipv6.conf.NAME.disable_ipv6 is 1 for ${names(ours)}: pods with IPv6 addresses have no IPv6`,
          ),
        ]),
    ...(uplinks.length === 0
      ? []
      : [
          note(
            `net.ipv6.conf.NAME.disable_ipv6 is 1 for ${names(uplinks)}: IPv6 packets of pods cannot leave there`,
          ),
        ]),
  ];
}

// While masquerading is on, strict filters fit all of heddle's paths: pods, remote ranges and tunnel source addresses
// have routes to where their packets come from. With two uplinks this is different: replies to packets that left by one
// may arrive on the other.
export function reversePathFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const strictForAll = kernel.settings.get('net/ipv4/conf/all/rp_filter') === '1';
  const strict = kernel.host.links.filter(
    ({ ifIndex, ipv4 }) =>
      isUplink(desired, ifIndex) &&
      (ipv4?.rpFilter === 1 || (strictForAll && ipv4?.rpFilter === 0)),
  );
  if (strict.length < 2) return [];
  const names = some(strict.map(({ name }) => name));
  return [
    note(
      `net.ipv4.conf.NAME.rp_filter is 1 (strict) for ${names}: replies that arrive on a different uplink than the route's are dropped`,
    ),
  ];
}

export function tunnelPortFindings({
  kernel,
  desired: { overlay },
}: ObservedNode): readonly Finding[] {
  if (overlay === undefined) return [];
  const { name: own, port } = overlay;
  const same = kernel.host.links.filter(({ name, vxlan }) => name !== own && vxlan?.port === port);
  if (same.length === 0) return [];
  const isInTheWay = kernel.host.links.every(({ name, up }) => name !== own || !up);
  const finding = isInTheWay ? problem : note;
  const renamed = same.filter(isOverlayDevice);
  if (renamed.length > 0) {
    const cure = renamed.map(({ name }) => `\`ip link delete ${name}\``).join(', ');
    const text = `UDP port ${port} of the tunnels is taken by heddle's own VXLAN device under another name: ${cure}`;
    return [finding(text)];
  }
  const names = some(same.map(({ name, vxlan }) => `${name} (VNI ${vxlan?.id})`));
  const text = `UDP port ${port} of the tunnels is taken by the VXLAN device ${names}: set \`vxlan.port\` to another port on every node, or delete the device`;
  return [finding(text)];
}

// Interface names of other pod networks. `cni-podman0` and `docker0` do not belong to a pod network of a cluster.
const otherNetworks: readonly (readonly [RegExp, string])[] = [
  [/^cni0$/, 'the bridge plugin or flannel'],
  [/^flannel(\.\d+|-v6\.\d+|-wg|-wg-v6)?$/, 'flannel'],
  [/^cali[0-9a-f]{11}$|^vxlan(-v6)?\.calico$|^wireguard\.cali$/, 'Calico'],
  [/^cilium_(host|net|vxlan|geneve|wg0)$|^lxc[0-9a-f]{12}$/, 'Cilium'],
  [/^weave$|^vethwe-/, 'Weave Net'],
  [/^kube-bridge$/, 'kube-router'],
  [/^antrea-gw0$/, 'Antrea'],
  [/^ovn-k8s-mp0$/, 'OVN-Kubernetes'],
];

export function otherNetworkFindings({ kernel }: ObservedNode): readonly Finding[] {
  const found = new Map<string, string[]>();
  for (const { name } of kernel.host.links) {
    const owner = otherNetworks.find(([pattern]) => pattern.test(name))?.[1];
    if (owner !== undefined) found.set(owner, [...(found.get(owner) ?? []), name]);
  }
  return Array.from(found, ([owner, names]) =>
    note(
      `interfaces of ${owner} exist (${some(names)}): its routes and rules may still affect packets of pods`,
    ),
  );
}

export function mtuFindings({ desired }: ObservedNode): readonly Finding[] {
  const { endpoints, pathMtuBytes } = desired;
  const larger = endpoints.values().filter(({ mtuBytes }) => mtuBytes > pathMtuBytes);
  if (larger.length === 0) return [];
  const pods = some(larger.map(({ pod, hostIfName }) => (pod ? namespacedName(pod) : hostIfName)));
  return [
    note(
      `pods have an MTU larger than the ${pathMtuBytes} bytes that the path off the node carries now: ${pods}; their large packets depend on ICMP until the pods are recreated`,
    ),
  ];
}

export function ipsecFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  if (!kernel.host.hasIpsec || desired.mode !== 'native') return [];
  return [
    note(
      'IPsec policies are in force, but packets between pods of different nodes bypass them in mode native',
    ),
  ];
}

function hasRange({ podRanges }: DesiredState, family: 4 | 6): boolean {
  return podRanges.some(({ prefix }) => prefixFamily(prefix) === family);
}

function isUplink({ uplinks }: DesiredState, ifIndex: IfIndex): boolean {
  return uplinks.some((uplink) => uplink.ifIndex === ifIndex);
}

function isPathOfPods(link: ConfiguredLink, desired: DesiredState): boolean {
  return isUplink(desired, link.ifIndex) || isOwnOfFamily(link, desired, 4);
}

function isOwnOfFamily(link: ConfiguredLink, desired: DesiredState, family: 4 | 6): boolean {
  if (link.name === overlayDeviceName) return desired.overlay !== undefined;
  if (!isPodLink(link)) return false;
  return desired.endpoints
    .values()
    .some(
      ({ hostIfIndex, addresses }) =>
        hostIfIndex === link.ifIndex &&
        addresses.some((address) => addressFamily(address) === family),
    );
}

function isPodLink({ name }: ConfiguredLink): boolean {
  return isEndpointName(name);
}

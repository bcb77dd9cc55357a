// How this node's packets leave it: connected networks of its uplinks, address family of tunnels, and MTU.

import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import {
  addressAt,
  makePrefix,
  type Prefix,
  prefixContains,
  prefixFamily,
  prefixLength,
} from '../../net/prefix.ts';
import type { ModelConfig, ModelProblem } from '../desired.ts';
import type { HostFacts, Uplink } from '../host.ts';

/** VXLAN 8 + UDP 8 + inner Ethernet 14 + outer IP 20 or 40 (RFC 7348 section 5). */
const vxlanOverheadBytes: Record<AddressFamily, number> = { 4: 50, 6: 70 };
const ipv6MinimumMtuBytes = 1280;
/** Used while no uplink is known: Ethernet's. */
const ethernetMtuBytes = 1500;

export interface ConnectedNetwork {
  readonly prefix: Prefix;
  readonly uplink: Uplink;
}

/** Networks whose hosts are neighbours, longest prefix first. */
export function connectedNetworks(host: HostFacts): readonly ConnectedNetwork[] {
  return host.uplinks
    .flatMap((uplink) =>
      uplink.addresses
        .filter(({ address }) => !isLinkLocal(address))
        .map(({ address, prefixLength }) => ({
          prefix: makePrefix(address, prefixLength),
          uplink,
        })),
    )
    .sort((left, right) => prefixLength(right.prefix) - prefixLength(left.prefix));
}

export function networkOf(
  networks: readonly ConnectedNetwork[],
  address: Address,
): ConnectedNetwork | undefined {
  return networks.find(({ prefix }) => prefixContains(prefix, address));
}

/** All uplinks' networks with the address: there are several if uplinks share a network. */
export function networksOf(
  networks: readonly ConnectedNetwork[],
  address: Address,
): readonly ConnectedNetwork[] {
  return networks.filter(({ prefix }) => prefixContains(prefix, address));
}

/** The network address and the broadcast address; RFC 3021 has neither. */
export function edgesOf(prefix: Prefix): readonly Address[] {
  if (prefixFamily(prefix) === 6 || prefixLength(prefix) > 30) return [];
  const size = 1n << BigInt(32 - prefixLength(prefix));
  return [0n, size - 1n].flatMap((offset) => addressAt(prefix, offset) ?? []);
}

/** IPv4 if the node has it: it costs 20 bytes less per packet, and in practice every peer has it. */
function underlayFamily(ownAddresses: readonly Address[]): AddressFamily {
  const hasIpv4 = ownAddresses.some((address) => addressFamily(address) === 4);
  return hasIpv4 || ownAddresses.length === 0 ? 4 : 6;
}

/** This node's, from the addresses of its Node object; without any, from those of its uplinks. */
export function ownUnderlay(host: HostFacts, nodeAddresses: readonly Address[]): AddressFamily {
  return underlayFamily(nodeAddresses.length > 0 ? nodeAddresses : uplinkAddresses(host));
}

/** Without link-local ones. */
export function uplinkAddresses({ uplinks }: HostFacts): readonly Address[] {
  return uplinks
    .flatMap(({ addresses }) => addresses.map(({ address }) => address))
    .filter((address) => !isLinkLocal(address));
}

export interface PodMtu {
  readonly podMtuBytes: number;
  /** MTU of the path to other nodes: less than `podMtuBytes` only if that was configured too high. */
  readonly pathMtuBytes: number;
  readonly problems: readonly ModelProblem[];
}

/** The largest packet that reaches every peer without fragmentation, limited by the smallest uplink. */
export function podMtu(config: ModelConfig, host: HostFacts, facts: MtuFacts): PodMtu {
  const uplinkMtuBytes = Math.min(...host.uplinks.map(({ mtuBytes }) => mtuBytes));
  const overheadBytes = config.mode === 'vxlan' ? vxlanOverheadBytes[facts.underlay] : 0;
  const base = Number.isFinite(uplinkMtuBytes) ? uplinkMtuBytes : ethernetMtuBytes;
  const possible = base - overheadBytes;
  const podMtuBytes = config.mtuBytes ?? possible;
  const problems: ModelProblem[] = [];
  if (podMtuBytes > possible) {
    const text = `${podMtuBytes} bytes is more than the uplinks carry in mode ${config.mode} (${possible})`;
    problems.push({ object: 'MTU', text });
  }
  if (facts.hasIpv6Pods && podMtuBytes < ipv6MinimumMtuBytes) {
    const text = `${podMtuBytes} bytes is less than IPv6 needs (${ipv6MinimumMtuBytes}, RFC 8200 section 5)`;
    problems.push({ object: 'MTU', text });
  }
  return { podMtuBytes, pathMtuBytes: Math.min(podMtuBytes, possible), problems };
}

export interface MtuFacts {
  readonly underlay: AddressFamily;
  readonly hasIpv6Pods: boolean;
}

/** fe80::/10 and 169.254.0.0/16: valid on one link only, so no route uses them. */
export function isLinkLocal(address: Address): boolean {
  return /^fe[89ab][0-9a-f]:/.test(address) || address.startsWith('169.254.');
}

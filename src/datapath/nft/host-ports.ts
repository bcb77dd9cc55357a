// Host ports: packets to a port of the node get the address and port of a pod. One map lookup for the first packet of a
// connection, whatever the number of mappings; connection tracking handles the other packets.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import { podLinkPrefix } from '../../model/ids.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import { isAnyAddress, type PortMapping } from '../../net/port-mapping.ts';
import type { Prefix } from '../../net/prefix.ts';
import { protocols } from '../../net/protocol.ts';
import { elementEntry, type NftElement } from './entries.ts';
import {
  addressSet,
  type Chain,
  type Collection,
  fromPods,
  priorities,
  type TableContents,
} from './rule-text.ts';

/** The counter of dropped packets from pods to the node's loopback. */
export const loopbackCounter = 'loopback';

/** Host ports of one endpoint. */
export interface HostPorts {
  /** The families of its addresses to which host ports lead. */
  readonly families: readonly AddressFamily[];
  readonly elements: readonly NftElement[];
}

export function hostPortsOf({ addresses, portMappings = [] }: LocalEndpoint): HostPorts {
  const ofFamilies = ([4, 6] as const).map((family) => {
    const pod = addresses.find((address) => addressFamily(address) === family);
    const mappings = portMappings.filter(
      ({ hostAddress }) => hostAddress === undefined || addressFamily(hostAddress) === family,
    );
    if (pod === undefined || mappings.length === 0) return [];
    const elements = [
      ...mappings.map((mapping) => mappingElement(mapping, pod)),
      elementEntry(`hairpin${family}`, `${pod} . ${pod}`),
    ];
    return [{ family, elements }];
  });
  const found = ofFamilies.flat();
  return {
    families: found.map(({ family }) => family),
    elements: found.flatMap(({ elements }) => elements),
  };
}

function mappingElement(
  { protocol, hostPort, containerPort, hostAddress }: PortMapping,
  pod: Address,
): NftElement {
  const family = addressFamily(pod);
  // Protocol as a number, as `Nftables` lists it.
  const element = `${protocols[protocol]} . ${hostPort} : ${pod} . ${containerPort}`;
  if (hostAddress === undefined || isAnyAddress(hostAddress)) {
    return elementEntry(`host_ports${family}`, element);
  }
  return elementEntry(`host_ports_at${family}`, `${hostAddress} . ${element}`);
}

/**
 * Rules that the elements of `hostPortsOf` need. `families`: those of any endpoint. `own`: the addresses at which they
 * answer; absent: all local addresses.
 */
export function hostPortRules(
  families: readonly AddressFamily[],
  own?: readonly Prefix[],
): TableContents {
  if (families.length === 0) return { collections: [], counters: [], chains: [] };
  const hasIpv4 = families.includes(4);
  const words = families.map((family) => wordsOf(family, own));
  return {
    collections: words.flatMap(collections),
    counters: hasIpv4 ? [loopbackCounter] : [],
    chains: [...(hasIpv4 ? [loopbackGuard] : []), ...chains(words)],
  };
}

interface Family {
  readonly ip: 'ip' | 'ip6';
  readonly family: AddressFamily;
  readonly loopback: string;
  readonly own: readonly Prefix[] | undefined;
}

function wordsOf(family: AddressFamily, own: readonly Prefix[] | undefined): Family {
  return family === 4
    ? { ip: 'ip', loopback: '127.0.0.0/8', family, own }
    : { ip: 'ip6', loopback: '::1', family, own };
}

function collections({ family, own }: Family): readonly Collection[] {
  const address = `ipv${family}_addr`;
  const target = `${address} . inet_service`;
  const port = 'inet_proto . inet_service';
  const pair = `${address} . ${address}`;
  return [
    ...(own === undefined ? [] : [addressSet(ownSet(family), family, own)]),
    map(`host_ports${family}`, `${port} : ${target}`),
    map(`host_ports_at${family}`, `${address} . ${port} : ${target}`),
    { kind: 'set', name: `hairpin${family}`, type: pair, elements: [] },
  ];
}

function map(name: string, type: string): Collection {
  return { kind: 'map', name, type, elements: [] };
}

const loopbackGuard: Chain = {
  name: 'host_ports_guard',
  at: { type: 'filter', hook: 'prerouting', priority: priorities.raw },
  // A pod's interface routes loopback addresses for the node's own connections to 127.0.0.1 (docs/datapath.md): packets
  // from a pod to the node's loopback are dropped here, before any reply gets a loopback address again.
  rules: [`${fromPods} ip daddr 127.0.0.0/8 counter name "${loopbackCounter}" drop`],
};

function chains(families: readonly Family[]): readonly Chain[] {
  const nat = { type: 'nat' } as const;
  return [
    {
      name: 'host_ports_in',
      at: { ...nat, hook: 'prerouting', priority: priorities.afterDstnat },
      // Translated before routing sees it: nothing else would keep a neighbour from the ports of the node's loopback. A
      // neighbour is not the node itself at 127.0.0.1, whose connections get an address of the node on their way to the
      // pod.
      rules: families.flatMap((each) =>
        translations(
          each,
          `${each.ip} saddr != ${each.loopback} ${each.ip} daddr != ${each.loopback}`,
        ),
      ),
    },
    {
      name: 'host_ports_local',
      at: { ...nat, hook: 'output', priority: priorities.afterDstnat },
      // The kernel accepts a reply to ::1 only from lo: without translation, a client is refused and tries 127.0.0.1.
      rules: families.flatMap((each) =>
        translations(each, each.family === 4 ? 'meta nfproto ipv4' : 'ip6 daddr != ::1'),
      ),
    },
    {
      name: 'host_ports_back',
      at: { ...nat, hook: 'postrouting', priority: priorities.afterSrcnat },
      // Otherwise the pod would reply to itself, or to its own loopback, without passing here again. A packet with the
      // pod's address from another interface is forged; it keeps that address, so that the pod's program refuses it.
      rules: families.flatMap(({ ip, family, loopback }) => [
        `${fromPods} ${ip} saddr . ${ip} daddr @hairpin${family} masquerade`,
        ...(family === 4
          ? [`oifname "${podLinkPrefix}*" ip saddr ${loopback} ct status dnat masquerade`]
          : []),
      ]),
    },
  ];
}

// Services' addresses are local if a service proxy assigns them, so `fib` alone would match their ports. A mapping that
// names such an address would get the connections of that Service's clients on this node: IPVS comes later.
function translations({ ip, family, own }: Family, condition: string): readonly string[] {
  const port = 'meta l4proto . th dport map';
  const local = `${condition} fib daddr type local`;
  const atNode = own === undefined ? local : `${local} ${ip} daddr @${ownSet(family)}`;
  return [
    `${atNode} dnat ${ip} to ${ip} daddr . ${port} @host_ports_at${family}`,
    `${atNode} dnat ${ip} to ${port} @host_ports${family}`,
  ];
}

function ownSet(family: AddressFamily): string {
  return `host_port_addresses${family}`;
}

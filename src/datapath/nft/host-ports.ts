// Host ports: packets to a port of the node get the address and port of a pod. One map lookup, whatever the number of
// mappings, for the first packet of a connection; connection tracking does the rest.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import { isAnyAddress } from '../../net/port-mapping.ts';
import type { Prefix } from '../../net/prefix.ts';
import { protocols } from '../../net/protocol.ts';
import {
  addressSet,
  type Chain,
  type Collection,
  priorities,
  type TableContents,
} from './rule-text.ts';

/** The counter of pods' packets to the node's loopback that were dropped. */
export const loopbackCounter = 'loopback';

/** None for endpoints without port mappings. `own`: what mappings without an address are for; absent: all local addresses. */
export function hostPortRules(
  endpoints: readonly LocalEndpoint[],
  own?: readonly Prefix[],
): TableContents {
  const families = ([4, 6] as const)
    .map((family) => ({ ...ofFamily(endpoints, family), own }))
    .filter(({ pods }) => pods.length > 0);
  if (families.length === 0) return { collections: [], counters: [], chains: [] };
  const hasIpv4 = families.some(({ family }) => family === 4);
  return {
    collections: families.flatMap(collections),
    counters: hasIpv4 ? [loopbackCounter] : [],
    chains: [...(hasIpv4 ? [loopbackGuard] : []), ...chains(families)],
  };
}

interface Family {
  readonly ip: 'ip' | 'ip6';
  readonly family: AddressFamily;
  readonly loopback: string;
  /** Elements: of maps that leave the node's address open, and of those that name it. */
  readonly anywhere: readonly string[];
  readonly at: readonly string[];
  /** Those with mappings. */
  readonly pods: readonly Address[];
  readonly own: readonly Prefix[] | undefined;
}

function ofFamily(endpoints: readonly LocalEndpoint[], family: AddressFamily): Omit<Family, 'own'> {
  const anywhere: string[] = [];
  const at: string[] = [];
  const pods = new Set<Address>();
  for (const { addresses, portMappings = [] } of endpoints) {
    const pod = addresses.find((address) => addressFamily(address) === family);
    if (pod === undefined) continue;
    for (const { protocol, hostPort, containerPort, hostAddress } of portMappings) {
      if (hostAddress !== undefined && addressFamily(hostAddress) !== family) continue;
      // The number, as `Nftables` lists it.
      const element = `${protocols[protocol]} . ${hostPort} : ${pod} . ${containerPort}`;
      if (hostAddress === undefined || isAnyAddress(hostAddress)) anywhere.push(element);
      else at.push(`${hostAddress} . ${element}`);
      pods.add(pod);
    }
  }
  const words =
    family === 4 ? { ip: 'ip', loopback: '127.0.0.0/8' } : { ip: 'ip6', loopback: '::1' };
  return { ...(words as Pick<Family, 'ip' | 'loopback'>), family, anywhere, at, pods: [...pods] };
}

function collections({ family, anywhere, at, pods, own }: Family): readonly Collection[] {
  const address = `ipv${family}_addr`;
  const target = `${address} . inet_service`;
  const port = 'inet_proto . inet_service';
  return [
    ...(own === undefined ? [] : [addressSet(ownSet(family), family, own)]),
    map(`host_ports${family}`, `${port} : ${target}`, anywhere),
    map(`host_ports_at${family}`, `${address} . ${port} : ${target}`, at),
    {
      kind: 'set',
      name: `hairpin${family}`,
      type: `${address} . ${address}`,
      elements: pods.map((pod) => `${pod} . ${pod}`),
    },
  ];
}

function map(name: string, type: string, elements: readonly string[]): Collection {
  return { kind: 'map', name, type, elements };
}

const loopbackGuard: Chain = {
  name: 'host_ports_guard',
  at: { type: 'filter', hook: 'prerouting', priority: priorities.raw },
  // A pod's interface routes loopback addresses for the node's own connections to 127.0.0.1 (docs/datapath.md): what a
  // pod sends to the node's loopback stops here, before any answer gets a loopback address again.
  rules: [`iifname "hd*" ip daddr 127.0.0.0/8 counter name "${loopbackCounter}" drop`],
};

function chains(families: readonly Family[]): readonly Chain[] {
  const nat = { type: 'nat' } as const;
  return [
    {
      name: 'host_ports_in',
      at: { ...nat, hook: 'prerouting', priority: priorities.afterDstnat },
      // Translated before routing sees it: nothing else would keep a neighbour from the ports of the node's loopback. Nor is
      // a neighbour the node itself at 127.0.0.1, whose connections get an address of the node on their way to the pod.
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
      // The kernel takes an answer for ::1 from no interface but lo: untranslated, a client is refused and tries 127.0.0.1.
      rules: families.flatMap((each) =>
        translations(each, each.family === 4 ? 'meta nfproto ipv4' : 'ip6 daddr != ::1'),
      ),
    },
    {
      name: 'host_ports_back',
      at: { ...nat, hook: 'postrouting', priority: priorities.afterSrcnat },
      // The pod would answer itself, or its own loopback, without passing here again. What another interface brings with the
      // address of the pod is forged, and keeps it, so that the pod's program refuses it.
      rules: families.flatMap(({ ip, family, loopback }) => [
        `iifname "hd*" ${ip} saddr . ${ip} daddr @hairpin${family} masquerade`,
        ...(family === 4 ? [`oifname "hd*" ip saddr ${loopback} ct status dnat masquerade`] : []),
      ]),
    },
  ];
}

// Services' addresses are local where a service proxy holds them, so that `fib` alone would take their ports.
function translations({ ip, family, own }: Family, condition: string): readonly string[] {
  const port = 'meta l4proto . th dport map';
  const local = `${condition} fib daddr type local`;
  const anywhere = own === undefined ? local : `${local} ${ip} daddr @${ownSet(family)}`;
  return [
    `${local} dnat ${ip} to ${ip} daddr . ${port} @host_ports_at${family}`,
    `${anywhere} dnat ${ip} to ${port} @host_ports${family}`,
  ];
}

function ownSet(family: AddressFamily): string {
  return `host_port_addresses${family}`;
}

// Desired states of a node, as far as its nftables rules depend on them.

import type { NftEntry } from '../../src/datapath/nft/entries.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import type { DesiredState } from '../../src/model/desired.ts';
import type { LocalEndpoint } from '../../src/model/endpoint.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { Port } from '../../src/net/port.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { endpointCollection } from './compute-desired.ts';
import { entriesOf } from './entries-of.ts';

/** The node is 198.51.100.1 and 2001:db8:ffff::1; its pods are 192.0.2.0/26 and 2001:db8:1::/64. */
export interface NftOptions {
  readonly hasPods?: boolean;
  readonly masquerade?: boolean;
  /** Number of other nodes, each with a pod range of each family: .2, .3, ...; 0: native. */
  readonly tunnelTo?: number;
  /** Those nodes are not known. */
  readonly isAlone?: boolean;
  /** Ranges that are not masqueraded, instead of those of all nodes. */
  readonly exempt?: readonly string[];
  /** Some addresses of the node are those of Services. */
  readonly hasServices?: boolean;
  /** Numbers of pods with host ports: pod 5 is 192.0.2.5, and its port 80 is the node's 8005, for TCP. */
  readonly mapped?: readonly number[];
  readonly families?: readonly (4 | 6)[];
}

export function nftDesired(options: NftOptions): DesiredState {
  const {
    hasPods = true,
    masquerade = false,
    tunnelTo = 0,
    isAlone = false,
    hasServices = false,
    mapped = [],
  } = options;
  const others = Array.from({ length: isAlone ? 0 : tunnelTo }, (_, index) => index + 2);
  const ranges = ['192.0.2.0/26', '2001:db8:1::/64'];
  const far = others.flatMap((node) => [`10.9.${node}.0/24`, `2001:db8:${node}::/64`]);
  return {
    podSources: hasPods ? [...ranges, ...far].map((text) => parsePrefix(text)) : [],
    podRanges: hasPods ? ranges.map((text) => ({ prefix: parsePrefix(text) })) : [],
    masquerade: masquerade
      ? {
          sources: ranges.map((text) => parsePrefix(text)),
          exempt: (options.exempt ?? [...ranges, ...far]).map((text) => parsePrefix(text)),
          nodeSources: ['198.51.100.1', '2001:db8:ffff::1'].map((address) => ({
            ...{ address: parseAddress(address), interfaces: ['up0'] },
          })),
        }
      : undefined,
    tunnelEnds:
      tunnelTo === 0
        ? undefined
        : {
            port: 4789,
            own: ['198.51.100.1', '2001:db8:ffff::1'].map((text) => parseAddress(text)),
            peers: others.flatMap((node) =>
              [`198.51.100.${node}`, `2001:db8:ffff::${node}`].map((text) => parseAddress(text)),
            ),
            uplinks: ['up0'],
          },
    overlay: tunnelTo === 0 ? undefined : { name: 'heddle_vxlan', port: 4789 },
    hostPortAddresses: hasServices
      ? ['198.51.100.1/32', '127.0.0.0/8', '2001:db8:ffff::1/128'].map((text) => parsePrefix(text))
      : undefined,
    endpoints: endpointCollection(mapped.map((pod) => mappedEndpoint(pod, options.families))),
  } as unknown as DesiredState;
}

export function nftEntriesFor(options: NftOptions): ReadonlyMap<string, NftEntry> {
  return entriesOf(nftContents(), nftDesired(options));
}

function mappedEndpoint(pod: number, families: readonly (4 | 6)[] = [4, 6]): LocalEndpoint {
  const port = (number: number): Port => number as Port;
  const addresses = { 4: `192.0.2.${pod}`, 6: `2001:db8:1::${pod}` };
  return {
    addresses: families.map((family) => parseAddress(addresses[family])),
    portMappings: [
      { protocol: 'tcp', hostPort: port(8000 + pod), containerPort: port(80) },
      {
        protocol: 'udp',
        hostPort: port(5300 + pod),
        containerPort: port(53),
        hostAddress: parseAddress(families.includes(4) ? '203.0.113.50' : '2001:db8:ffff::1'),
      },
    ],
  } as unknown as LocalEndpoint;
}

// The nodes of a lab and the network between them (pure), from Node manifests or generated.

import { InputError } from '../base/input-error.ts';
import { type Address, addressFamily, parseAddress } from '../net/address.ts';
import {
  addressAt,
  familyBits,
  makePrefix,
  type Prefix,
  parsePrefix,
  prefixContains,
} from '../net/prefix.ts';

export interface LabNode {
  readonly name: string;
  /** InternalIPs, at most one per family. */
  readonly addresses: readonly Address[];
  readonly podCidrs: readonly Prefix[];
}

/**
 * The network of one family on the switch. `prefix` contains every node's address; `gateway` is the address of the
 * switch.
 */
export interface Fabric {
  readonly prefix: Prefix;
  readonly gateway: Address;
}

/** The outside host: one address per family, reached through the switch. */
export interface World {
  readonly addresses: readonly {
    readonly own: Address;
    readonly gateway: Address;
    readonly prefix: Prefix;
  }[];
}

export const world: World = {
  addresses: [
    worldAddress('203.0.113.10', '203.0.113.1', '203.0.113.0/24'),
    worldAddress('2001:db8:113::10', '2001:db8:113::1', '2001:db8:113::/64'),
  ],
};

const largestCount = 16;

/**
 * `node-1`, `node-2`, ...: dual stack, each with a /24 and a /64 for its pods. Throws InputError unless the count is
 * 1-16.
 */
export function generatedNodes(count: number): readonly LabNode[] {
  if (!Number.isInteger(count) || count < 1 || count > largestCount) {
    throw new InputError({ object: '--nodes', value: count, rule: `is not 1 to ${largestCount}` });
  }
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    return {
      name: `node-${number}`,
      addresses: [
        parseAddress(`10.200.0.${10 + number}`),
        parseAddress(`fd00:200::${10 + number}`),
      ],
      podCidrs: [parsePrefix(`10.201.${number}.0/24`), parsePrefix(`fd00:201:${number}::/64`)],
    };
  });
}

/** The Node object of a generated node, for the agents. */
export function labNodeManifest(node: LabNode): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node.name },
    spec: { podCIDR: node.podCidrs[0], podCIDRs: node.podCidrs },
    status: { addresses: node.addresses.map((address) => ({ type: 'InternalIP', address })) },
  };
}

/**
 * The networks that contain all nodes' addresses. Throws InputError if the nodes do not share one, because the lab has
 * one switch.
 */
export function planFabrics(nodes: readonly LabNode[]): readonly Fabric[] {
  return ([4, 6] as const).flatMap((family) => {
    const addresses = nodes.flatMap((node) =>
      node.addresses.filter((address) => addressFamily(address) === family),
    );
    const [first] = addresses;
    if (first === undefined) return [];
    const prefix = makePrefix(first, family === 4 ? 24 : 64);
    for (const address of addresses) {
      if (!prefixContains(prefix, address)) {
        throw new InputError({
          object: 'Node addresses',
          value: address,
          rule: `is not in ${prefix} like ${first}: the lab's nodes share one switch`,
        });
      }
    }
    return [{ prefix, gateway: gatewayIn(prefix, addresses) }];
  });
}

function gatewayIn(prefix: Prefix, taken: readonly Address[]): Address {
  const last =
    (1n << BigInt(familyBits(prefix.includes(':') ? 6 : 4) - Number(prefix.split('/')[1]))) - 2n;
  for (const offset of [1n, last]) {
    const address = addressAt(prefix, offset);
    if (address !== undefined && !taken.includes(address)) return address;
  }
  throw new InputError({
    object: 'Node addresses',
    value: prefix,
    rule: 'leaves no address for the switch',
  });
}

function worldAddress(own: string, gateway: string, prefix: string): World['addresses'][number] {
  return { own: parseAddress(own), gateway: parseAddress(gateway), prefix: parsePrefix(prefix) };
}

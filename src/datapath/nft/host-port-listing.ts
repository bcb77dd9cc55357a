// Host ports as the kernel has them, read back from the maps that `hostPortRules` makes: for a record that was lost.

import { z } from 'zod';
import { type Address, addressFamily, parseAddress } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import type { PortMapping } from '../../net/port-mapping.ts';
import { protocols } from '../../net/protocol.ts';

const concatenation = z.object({ concat: z.array(z.union([z.string(), z.number()])) });

/** libnftables-json(5), as far as these maps need it. */
const listingSchema = z.array(
  z.looseObject({
    map: z
      .looseObject({
        name: z.string(),
        elem: z.array(z.tuple([concatenation, concatenation])).optional(),
      })
      .optional()
      .catch(undefined),
  }),
);

const mappedProtocols = ['tcp', 'udp', 'sctp'] as const;

/** Those that lead to one of a pod's addresses, each once. `listing`: of the table, as libnftables has it. */
export function listedHostPorts(
  listing: readonly unknown[],
  addresses: readonly Address[],
): readonly PortMapping[] {
  const open = new Map<string, PortMapping[]>();
  const found: PortMapping[] = [];
  for (const { map } of listingSchema.parse(listing)) {
    if (map === undefined || !/^host_ports(_at)?[46]$/.test(map.name)) continue;
    for (const [{ concat: key }, { concat: target }] of map.elem ?? []) {
      const mapping = readMapping(key, target, addresses);
      if (mapping === undefined) continue;
      if (key.length === 3) found.push(mapping);
      else open.set(key.join(' '), [...(open.get(key.join(' ')) ?? []), mapping]);
    }
  }
  return [...[...open.values()].map((each) => ofFamilies(each, addresses)), ...found];
}

type Words = readonly (string | number)[];

// Its address on the node is the pod's family's wildcard where the map leaves it open.
function readMapping(
  key: Words,
  [target, containerPort]: Words,
  addresses: readonly Address[],
): PortMapping | undefined {
  const [number, hostPort] = key.slice(-2);
  const protocol = mappedProtocols.find((candidate) => protocols[candidate] === number);
  const pod = addresses.find((address) => address === target);
  if (protocol === undefined || pod === undefined) return undefined;
  const wildcard = addressFamily(pod) === 4 ? '0.0.0.0' : '::';
  const hostAddress = parseAddress(key.length === 3 ? String(key[0]) : wildcard);
  return {
    protocol,
    hostPort: Number(hostPort) as Port,
    containerPort: Number(containerPort) as Port,
    hostAddress,
  };
}

// One for every address of the node is in the maps of all families that the pod has.
function ofFamilies(
  [first, ...more]: readonly PortMapping[],
  addresses: readonly Address[],
): PortMapping {
  if (first === undefined) throw new Error('a host port of no family');
  if (more.length + 1 < addresses.length) return first;
  const { hostAddress: _, ...everywhere } = first;
  return everywhere;
}

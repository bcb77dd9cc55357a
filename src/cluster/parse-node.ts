// Parses Node and Namespace manifests, as far as Heddle uses them.

import { z } from 'zod';
import { InputError, type InputProblem } from '../base/input-error.ts';
import { parseFields } from '../base/parse-fields.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { type Prefix, parsePrefix, prefixAddress } from '../net/prefix.ts';
import { list, objectMeta, optional } from './field.ts';
import { FlawedNodeError } from './flawed-node.ts';
import type { ClusterNamespace, ClusterNode } from './objects.ts';

const nodeAddress = z.object({ type: z.string(), address: z.string() });

const nodeTaint = z.object({ key: z.string(), effect: z.string() });

const node = z.object({
  metadata: objectMeta,
  spec: optional(
    z.object({
      podCIDR: optional(z.string()),
      podCIDRs: list(z.unknown()),
      taints: list(nodeTaint),
    }),
  ),
  status: optional(z.object({ addresses: list(z.unknown()) })),
});

/** Throws FlawedNodeError if single ranges or addresses are malformed, with the others in `rest`. */
export function parseNode(raw: unknown, object: string): ClusterNode {
  const { metadata, spec, status } = parseFields(node, raw, object);
  const taints = spec?.taints ?? [];
  const zone = metadata.labels['topology.kubernetes.io/zone'];
  const ranges = podCidrs(spec, object);
  const addresses = internalAddresses(status?.addresses ?? [], object);
  const parsed = {
    ...metadata,
    podCidrs: ranges.values,
    addresses: addresses.values,
    ...(taints.length > 0 && { taints }),
    ...(zone !== undefined && { zone }),
  };
  const [flaw] = [...ranges.flaws, ...addresses.flaws];
  if (flaw !== undefined) throw new FlawedNodeError(flaw, parsed);
  return parsed;
}

export function parseNamespace(raw: unknown, object: string): ClusterNamespace {
  return parseFields(z.object({ metadata: objectMeta }), raw, object).metadata;
}

interface Parsed<Value> {
  readonly values: readonly Value[];
  readonly flaws: readonly InputProblem[];
}

// The API server keeps podCIDR equal to podCIDRs[0]; hand-written manifests often have only the old field.
function podCidrs(
  spec: { podCIDR?: string | undefined; podCIDRs: readonly unknown[] } | undefined,
  object: string,
): Parsed<Prefix> {
  const { podCIDR, podCIDRs = [] } = spec ?? {};
  if (podCIDRs.length === 0 && podCIDR !== undefined) {
    return parseEach([podCIDR], () => [parseRange(podCIDR, object, 'spec.podCIDR')]);
  }
  return parseEach(podCIDRs, (value, index) => {
    const field = `spec.podCIDRs[${index}]`;
    return [parseRange(parseElement(z.string(), value, { object, field }), object, field)];
  });
}

// Set host bits are refused, because it is unclear whether the author meant the address or the range.
function parseRange(text: string, object: string, field: string): Prefix {
  const prefix = parsePrefix(text, object, field);
  const given = parseAddress(text.slice(0, text.indexOf('/')), object, field);
  if (prefixAddress(prefix) === given) return prefix;
  const rule = `has bits set beyond its prefix length: the range would be ${prefix}`;
  throw new InputError({ object, field, value: text, rule });
}

// Other types (Hostname, ExternalDNS) contain names, so only InternalIPs are parsed as addresses.
function internalAddresses(all: readonly unknown[], object: string): Parsed<Address> {
  return parseEach(all, (value, index) => {
    const field = `status.addresses[${index}]`;
    const { type, address } = parseElement(nodeAddress, value, { object, field });
    return type === 'InternalIP' ? [parseAddress(address, object, `${field}.address`)] : [];
  });
}

function parseElement<T>(
  schema: z.ZodType<T>,
  value: unknown,
  { object, field }: { readonly object: string; readonly field: string },
): T {
  try {
    return parseFields(schema, value, object);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { field: inside } = error.problem;
    const path = inside === undefined ? field : `${field}.${inside}`;
    throw new InputError({ ...error.problem, field: path });
  }
}

function parseEach<Value extends string>(
  all: readonly unknown[],
  parse: (value: unknown, index: number) => readonly Value[],
): Parsed<Value> {
  const values = new Set<Value>();
  const flaws: InputProblem[] = [];
  all.forEach((value, index) => {
    try {
      for (const parsed of parse(value, index)) values.add(parsed);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      flaws.push(error.problem);
    }
  });
  return { values: [...values], flaws };
}

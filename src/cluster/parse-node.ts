// Node and Namespace manifests, as far as we read them.

import { z } from 'zod';
import { parseFields } from '../base/parse-fields.ts';
import { type Address, parseAddress } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { list, objectMeta, optional, prefix } from './field.ts';
import type { ClusterNamespace, ClusterNode } from './objects.ts';

const nodeAddress = z.object({ type: z.string(), address: z.string() });

const nodeTaint = z.object({ key: z.string(), effect: z.string() });

const node = z.object({
  metadata: objectMeta,
  spec: optional(
    z.object({ podCIDR: optional(prefix), podCIDRs: list(prefix), taints: list(nodeTaint) }),
  ),
  status: optional(z.object({ addresses: list(nodeAddress) })),
});

export function parseNode(raw: unknown, object: string): ClusterNode {
  const { metadata, spec, status } = parseFields(node, raw, object);
  const taints = spec?.taints ?? [];
  return {
    ...metadata,
    podCidrs: podCidrs(spec),
    addresses: internalAddresses(status?.addresses ?? [], object),
    ...(taints.length > 0 && { taints }),
  };
}

export function parseNamespace(raw: unknown, object: string): ClusterNamespace {
  return parseFields(z.object({ metadata: objectMeta }), raw, object).metadata;
}

// The API server keeps podCIDR equal to podCIDRs[0]; hand-written manifests often have the old field alone.
function podCidrs(
  spec: { podCIDR?: Prefix | undefined; podCIDRs: Prefix[] } | undefined,
): readonly Prefix[] {
  if (spec === undefined) return [];
  if (spec.podCIDRs.length > 0) return [...new Set(spec.podCIDRs)];
  return spec.podCIDR === undefined ? [] : [spec.podCIDR];
}

// Other types (Hostname, ExternalDNS) hold names, so only InternalIPs are parsed as addresses.
function internalAddresses(
  all: readonly { type: string; address: string }[],
  object: string,
): readonly Address[] {
  const parsed = all.flatMap(({ type, address }, index) =>
    type === 'InternalIP'
      ? [parseAddress(address, object, `status.addresses[${index}].address`)]
      : [],
  );
  return [...new Set(parsed)];
}

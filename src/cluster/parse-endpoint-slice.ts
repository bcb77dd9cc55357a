// Parses EndpointSlice manifests (discovery.k8s.io/v1), as far as Heddle uses them.

import { z } from 'zod';
import { InputError } from '../base/input-error.ts';
import { parseFields } from '../base/parse-fields.ts';
import { type Address, addressFamily, parseAddress } from '../net/address.ts';
import { list, namespacedMeta, optional, optionalPortField, protocolField } from './field.ts';
import type { ClusterEndpointSlice, Labels, SliceEndpoint } from './objects.ts';
import { isUnproxied } from './parse-service.ts';

const hint = z.object({ name: z.string() }).transform(({ name }) => name);

const endpoint = z.object({
  addresses: list(z.string()),
  conditions: optional(
    z.object({
      ready: optional(z.boolean()),
      serving: optional(z.boolean()),
      terminating: optional(z.boolean()),
    }),
  ),
  nodeName: optional(z.string()),
  zone: optional(z.string()),
  hints: optional(z.object({ forZones: list(hint), forNodes: list(hint) })),
});

const slice = z.object({
  metadata: namespacedMeta,
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  endpoints: list(endpoint),
  ports: list(
    z.object({ name: optional(z.string()), protocol: protocolField, port: optionalPortField }),
  ),
});

/** From the controller; only for metrics, so a malformed one counts as absent. */
const changeTime = 'endpoints.kubernetes.io/last-change-trigger-time';
const noAnnotations: Labels = {};

/** Slices of type FQDN are returned without endpoints: their addresses are names, which are not resolved here. */
export function parseEndpointSlice(raw: unknown, object: string): ClusterEndpointSlice {
  const { metadata, addressType, endpoints, ports } = parseFields(slice, raw, object);
  const changedAt = Date.parse(metadata.annotations[changeTime] ?? '');
  return {
    ...metadata,
    // Tens of thousands of slices would keep it as a text.
    annotations: noAnnotations,
    service: metadata.labels['kubernetes.io/service-name'],
    addressType,
    endpoints:
      addressType === 'FQDN'
        ? []
        : endpoints.map((value, index) =>
            sliceEndpoint(value, { addressType, object, field: `endpoints[${index}]` }),
          ),
    ports,
    ...(!Number.isNaN(changedAt) && { changedAt }),
    ...(isUnproxied(metadata.labels) && { isUnproxied: true }),
  };
}

interface Place {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly object: string;
  readonly field: string;
}

// Absent conditions have the API's defaults: ready is true, serving equals ready.
function sliceEndpoint(value: z.infer<typeof endpoint>, place: Place): SliceEndpoint {
  const ready = value.conditions?.ready ?? true;
  const { forZones = [], forNodes = [] } = value.hints ?? {};
  return {
    addresses: addressesOf(value.addresses, place),
    ready,
    serving: value.conditions?.serving ?? ready,
    terminating: value.conditions?.terminating ?? false,
    node: value.nodeName,
    zone: value.zone,
    ...(forZones.length > 0 && { forZones }),
    ...(forNodes.length > 0 && { forNodes }),
  };
}

function addressesOf(
  texts: readonly string[],
  { addressType, object, field }: Place,
): readonly Address[] {
  if (texts.length === 0) {
    throw new InputError({ object, field: `${field}.addresses`, rule: 'has no address' });
  }
  const family = addressType === 'IPv4' ? 4 : 6;
  return texts.map((text, index) => {
    const where = `${field}.addresses[${index}]`;
    const address = parseAddress(text, object, where);
    if (addressFamily(address) === family) return address;
    const rule = `is not of the slice's addressType ${addressType}`;
    throw new InputError({ object, field: where, value: text, rule });
  });
}

// Parses EndpointSlice manifests (discovery.k8s.io/v1), as far as Heddle uses them.

import { z } from 'zod';
import { parseFields } from '../base/parse-fields.ts';
import { parseAddress } from '../net/address.ts';
import { list, namespacedMeta, optional, portField, protocolField } from './field.ts';
import type { ClusterEndpointSlice, SliceEndpoint } from './objects.ts';

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
});

const slice = z.object({
  metadata: namespacedMeta,
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  endpoints: list(endpoint),
  ports: list(
    z.object({ name: optional(z.string()), protocol: protocolField, port: optional(portField) }),
  ),
});

/** Slices of type FQDN are returned without endpoints: their addresses are names, which are not resolved here. */
export function parseEndpointSlice(raw: unknown, object: string): ClusterEndpointSlice {
  const { metadata, addressType, endpoints, ports } = parseFields(slice, raw, object);
  const isAddressed = addressType !== 'FQDN';
  return {
    ...metadata,
    service: metadata.labels['kubernetes.io/service-name'],
    addressType,
    endpoints: isAddressed
      ? endpoints.map((value, index) => sliceEndpoint(value, object, `endpoints[${index}]`))
      : [],
    ports,
  };
}

// Absent conditions have the API's defaults: ready is true, serving equals ready.
function sliceEndpoint(
  value: z.infer<typeof endpoint>,
  object: string,
  field: string,
): SliceEndpoint {
  const ready = value.conditions?.ready ?? true;
  return {
    addresses: value.addresses.map((text, index) =>
      parseAddress(text, object, `${field}.addresses[${index}]`),
    ),
    ready,
    serving: value.conditions?.serving ?? ready,
    terminating: value.conditions?.terminating ?? false,
    node: value.nodeName,
    zone: value.zone,
  };
}

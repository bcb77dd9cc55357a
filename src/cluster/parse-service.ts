// Parses Service manifests, as far as Heddle uses them.

import { z } from 'zod';
import { parseFields } from '../base/parse-fields.ts';
import { type Address, parseAddress } from '../net/address.ts';
import {
  addressField,
  labelsField,
  list,
  namespacedMeta,
  optional,
  portField,
  portReferenceField,
  protocolField,
} from './field.ts';
import type { ClusterService } from './objects.ts';

const servicePort = z
  .object({
    name: optional(z.string()),
    protocol: protocolField,
    port: portField,
    targetPort: optional(portReferenceField),
    nodePort: optional(portField),
  })
  .transform((value) => ({ ...value, targetPort: value.targetPort ?? value.port }));

const service = z.object({
  metadata: namespacedMeta,
  spec: z.object({
    type: optional(z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'])),
    clusterIP: optional(z.string()),
    clusterIPs: list(z.string()),
    externalIPs: list(addressField),
    ports: list(servicePort),
    selector: optional(labelsField),
  }),
  status: optional(
    z.object({
      loadBalancer: optional(z.object({ ingress: list(z.object({ ip: optional(addressField) })) })),
    }),
  ),
});

export function parseService(raw: unknown, object: string): ClusterService {
  const { metadata, spec, status } = parseFields(service, raw, object);
  const assigned = status?.loadBalancer?.ingress.flatMap(({ ip }) => ip ?? []) ?? [];
  return {
    ...metadata,
    type: spec.type ?? 'ClusterIP',
    clusterAddresses: clusterAddresses(spec, object),
    externalAddresses: [...new Set([...spec.externalIPs, ...assigned])],
    ports: spec.ports,
    selector: spec.selector,
  };
}

// 'None' marks a headless service; an empty string means that no address is assigned (yet).
function clusterAddresses(
  spec: { clusterIP?: string | undefined; clusterIPs: readonly string[] },
  object: string,
): readonly Address[] {
  const hasList = spec.clusterIPs.length > 0;
  const texts = hasList ? spec.clusterIPs : [spec.clusterIP ?? ''];
  return texts.flatMap((text, index) => {
    if (text === '' || text === 'None') return [];
    return [parseAddress(text, object, hasList ? `spec.clusterIPs[${index}]` : 'spec.clusterIP')];
  });
}

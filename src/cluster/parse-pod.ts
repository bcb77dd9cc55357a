// Parses Pod manifests, as far as Heddle uses them.

import { z } from 'zod';
import { parseFields } from '../base/parse-fields.ts';
import { addressField, list, namespacedMeta, optional, portField, protocolField } from './field.ts';
import type { ClusterPod } from './objects.ts';

const containerPort = z
  .object({ name: optional(z.string()), containerPort: portField, protocol: protocolField })
  .transform(({ containerPort: number, ...rest }) => ({ ...rest, port: number }));

const container = z.object({
  name: z.string(),
  image: optional(z.string()),
  command: list(z.string()),
  args: list(z.string()),
  ports: list(containerPort),
});

const pod = z.object({
  metadata: namespacedMeta,
  spec: optional(
    z.object({
      nodeName: optional(z.string()),
      hostNetwork: optional(z.boolean()),
      containers: list(container),
    }),
  ),
  status: optional(
    z.object({
      phase: optional(z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'])),
      podIP: optional(addressField),
      podIPs: list(z.object({ ip: addressField })),
    }),
  ),
});

export function parsePod(raw: unknown, object: string): ClusterPod {
  const { metadata, spec, status } = parseFields(pod, raw, object);
  const addresses = status?.podIPs.map(({ ip }) => ip) ?? [];
  const single = status?.podIP;
  return {
    ...metadata,
    node: spec?.nodeName || undefined,
    addresses: addresses.length > 0 || single === undefined ? addresses : [single],
    hostNetwork: spec?.hostNetwork ?? false,
    phase: status?.phase ?? 'Pending',
    containers: spec?.containers ?? [],
  };
}

// Parses Service manifests, as far as Heddle uses them.

import { z } from 'zod';
import { InputError } from '../base/input-error.ts';
import { parseFields } from '../base/parse-fields.ts';
import { type Address, parseAddress } from '../net/address.ts';
import {
  addressField,
  labelsField,
  list,
  namespacedMeta,
  optional,
  optionalPortField,
  portField,
  portReferenceField,
  prefixField,
  protocolField,
} from './field.ts';
import type { ClusterService, Labels, LoadBalancerAddress } from './objects.ts';

const servicePort = z
  .object({
    name: optional(z.string()),
    protocol: protocolField,
    port: portField,
    targetPort: optional(portReferenceField),
    nodePort: optionalPortField,
  })
  .transform((value) => ({ ...value, targetPort: value.targetPort ?? value.port }));

const policyField = optional(z.enum(['Cluster', 'Local']));

/** The API's limit: one day. */
const affinityRule = 'is not a whole number of seconds from 1 to 86400';
const affinitySeconds = z
  .number(affinityRule)
  .refine((value) => Number.isInteger(value) && value >= 1 && value <= 86_400, affinityRule);

const spec = z.object({
  type: optional(z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'])),
  clusterIP: optional(z.string()),
  clusterIPs: list(z.string()),
  externalIPs: list(addressField),
  loadBalancerSourceRanges: list(prefixField),
  ports: list(servicePort),
  selector: optional(labelsField),
  sessionAffinity: optional(z.enum(['None', 'ClientIP'])),
  sessionAffinityConfig: optional(
    z.object({ clientIP: optional(z.object({ timeoutSeconds: optional(affinitySeconds) })) }),
  ),
  internalTrafficPolicy: policyField,
  externalTrafficPolicy: policyField,
  healthCheckNodePort: optionalPortField,
  publishNotReadyAddresses: optional(z.boolean()),
});

const ingress = z.object({
  ip: optional(addressField),
  ipMode: optional(z.enum(['VIP', 'Proxy'])),
});

const service = z.object({
  metadata: namespacedMeta,
  spec,
  status: optional(z.object({ loadBalancer: optional(z.object({ ingress: list(ingress) })) })),
});

type Spec = z.infer<typeof spec>;

export function parseService(raw: unknown, object: string): ClusterService {
  const { metadata, spec, status } = parseFields(service, raw, object);
  return {
    ...metadata,
    type: spec.type ?? 'ClusterIP',
    clusterAddresses: clusterAddresses(spec, object),
    externalAddresses: [...new Set(spec.externalIPs)],
    ports: spec.ports,
    selector: spec.selector,
    ...unusualFields(spec),
    ...loadBalancer(spec, status?.loadBalancer?.ingress ?? []),
    ...(isUnproxied(metadata.labels) && { isUnproxied: true }),
    ...selectionIn(metadata.annotations, object),
  };
}

export const selectionAnnotation = 'service.heddle.dev/selection';

const selectionValues: readonly string[] = ['random', 'maglev'];

function selectionIn(annotations: Labels, object: string): Partial<ClusterService> {
  const value = annotations[selectionAnnotation] ?? 'random';
  if (!selectionValues.includes(value)) {
    throw new InputError({
      ...{ object, field: `metadata.annotations["${selectionAnnotation}"]`, value },
      rule: 'is not a way of selection (random, maglev)',
    });
  }
  return value === 'maglev' ? { selection: value } : {};
}

/**
 * Kubernetes' own proxies act as if such objects did not exist: another program serves them, or their clients find the
 * endpoints by name resolution.
 */
export function isUnproxied(labels: Labels): boolean {
  return unproxiedLabels.some((label) => label in labels);
}

export const unproxiedLabels: readonly string[] = [
  'service.kubernetes.io/service-proxy-name',
  'service.kubernetes.io/headless',
];

/** Kubernetes' default: three hours. */
const defaultAffinitySeconds = 10_800;

function unusualFields(spec: Spec): Partial<ClusterService> {
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds;
  const { healthCheckNodePort: healthCheckPort } = spec;
  return {
    ...(spec.sessionAffinity === 'ClientIP' && { affinitySeconds: seconds }),
    ...(spec.internalTrafficPolicy === 'Local' && { internalPolicy: 'Local' }),
    ...(spec.externalTrafficPolicy === 'Local' && { externalPolicy: 'Local' }),
    ...(healthCheckPort !== undefined && { healthCheckPort }),
    ...(spec.publishNotReadyAddresses === true && { publishesNotReady: true }),
  };
}

// An ingress with a host name alone is the load balancer's own matter.
function loadBalancer(
  { loadBalancerSourceRanges: ranges }: Spec,
  all: readonly z.infer<typeof ingress>[],
): Partial<ClusterService> {
  const addresses = all.flatMap(({ ip: address, ipMode }): readonly LoadBalancerAddress[] => {
    if (address === undefined) return [];
    return [{ address, ...(ipMode === 'Proxy' && { isProxied: true }) }];
  });
  return {
    ...(addresses.length > 0 && { loadBalancerAddresses: addresses }),
    ...(ranges.length > 0 && { sourceRanges: [...new Set(ranges)] }),
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

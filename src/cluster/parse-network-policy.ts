// Parses NetworkPolicy manifests (networking.k8s.io/v1) and fills in the API's defaults, so that readers need not know
// them.

import { z } from 'zod';
import { parseFields } from '../base/parse-fields.ts';
import { type Prefix, prefixAddress, prefixContains, prefixLength } from '../net/prefix.ts';
import {
  labelsField,
  list,
  namespacedMeta,
  optional,
  portField,
  portReferenceField,
  prefixField,
  protocolField,
} from './field.ts';
import type {
  ClusterNetworkPolicy,
  LabelRequirement,
  LabelSelector,
  PolicyPeer,
  PolicyPort,
} from './objects.ts';

const requirement: z.ZodType<LabelRequirement> = z
  .object({
    key: z.string().min(1, 'is not a label key'),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: list(z.string()),
  })
  .superRefine(({ operator, values }, context) => {
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (takesValues === values.length > 0) return;
    const message = takesValues
      ? `needs values with ${operator}`
      : `takes no values with ${operator}`;
    context.addIssue({ code: 'custom', path: ['values'], message });
  });

const selector: z.ZodType<LabelSelector> = z.object({
  matchLabels: labelsField,
  matchExpressions: list(requirement),
});

const policyPort: z.ZodType<PolicyPort> = z
  .object({
    protocol: protocolField,
    port: optional(portReferenceField),
    endPort: optional(portField),
  })
  .superRefine(({ port: first, endPort }, context) => {
    if (endPort === undefined || (typeof first === 'number' && first <= endPort)) return;
    const message = 'must not be less than port, which must be a number';
    context.addIssue({ code: 'custom', path: ['endPort'], message, input: endPort });
  });

const block = z
  .object({ cidr: prefixField, except: list(prefixField) })
  .superRefine((value, context) => {
    value.except.forEach((except, index) => {
      if (isStrictlyWithin(value.cidr, except)) return;
      const message = `is not within ${value.cidr}`;
      context.addIssue({ code: 'custom', path: ['except', index], message, input: except });
    });
  });

const peer: z.ZodType<PolicyPeer> = z
  .object({
    ipBlock: optional(block),
    podSelector: optional(selector),
    namespaceSelector: optional(selector),
  })
  .transform(({ ipBlock, podSelector: pods, namespaceSelector: namespaces }, context) => {
    const selects = pods !== undefined || namespaces !== undefined;
    if (ipBlock !== undefined && !selects) return { kind: 'block', ...ipBlock };
    if (ipBlock === undefined && selects) return { kind: 'selector', pods, namespaces };
    const message = selects
      ? 'ipBlock cannot be combined with selectors'
      : 'must have ipBlock, podSelector or namespaceSelector';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const policy = z.object({
  metadata: namespacedMeta,
  spec: z.object({
    podSelector: optional(selector),
    policyTypes: list(z.enum(['Ingress', 'Egress'])),
    ingress: optional(z.array(z.object({ from: list(peer), ports: list(policyPort) }))),
    egress: optional(z.array(z.object({ to: list(peer), ports: list(policyPort) }))),
  }),
});

export function parseNetworkPolicy(raw: unknown, object: string): ClusterNetworkPolicy {
  const { metadata, spec } = parseFields(policy, raw, object);
  const types = policyTypes(spec);
  const ingress = spec.ingress?.map(({ from, ports }) => ({ peers: from, ports })) ?? [];
  const egress = spec.egress?.map(({ to, ports }) => ({ peers: to, ports })) ?? [];
  return {
    ...metadata,
    podSelector: spec.podSelector ?? { matchLabels: {}, matchExpressions: [] },
    ingress: types.has('Ingress') ? ingress : undefined,
    egress: types.has('Egress') ? egress : undefined,
  };
}

// Without policyTypes: always Ingress, and Egress only if the section exists (so deny-all-egress must name the type).
function policyTypes(spec: {
  policyTypes: readonly ('Ingress' | 'Egress')[];
  egress?: readonly unknown[] | undefined;
}): ReadonlySet<'Ingress' | 'Egress'> {
  if (spec.policyTypes.length > 0) return new Set(spec.policyTypes);
  return new Set(spec.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress']);
}

function isStrictlyWithin(outer: Prefix, inner: Prefix): boolean {
  return prefixLength(inner) > prefixLength(outer) && prefixContains(outer, prefixAddress(inner));
}

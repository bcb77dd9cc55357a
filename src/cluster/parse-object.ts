// Identifies and parses one Kubernetes object of any supported kind, for every source.

import { z } from 'zod';
import { InputError } from '../base/input-error.ts';
import { namespacedName } from '../base/namespaced-name.ts';
import { parseFields } from '../base/parse-fields.ts';
import { objectNameField, optional } from './field.ts';
import type {
  ClusterEndpointSlice,
  ClusterNamespace,
  ClusterNetworkPolicy,
  ClusterNode,
  ClusterPod,
  ClusterService,
} from './objects.ts';
import { parseEndpointSlice } from './parse-endpoint-slice.ts';
import { parseNetworkPolicy } from './parse-network-policy.ts';
import { parseNamespace, parseNode } from './parse-node.ts';
import { parsePod } from './parse-pod.ts';
import { parseService } from './parse-service.ts';

/** Supported kinds with their API version. */
const apiVersions = {
  Node: 'v1',
  Namespace: 'v1',
  Pod: 'v1',
  Service: 'v1',
  EndpointSlice: 'discovery.k8s.io/v1',
  NetworkPolicy: 'networking.k8s.io/v1',
} as const;

const listKinds: Readonly<Record<string, string>> = {
  List: 'v1',
  ...Object.fromEntries(
    Object.entries(apiVersions).map(([kind, version]) => [`${kind}List`, version]),
  ),
};

const writtenKinds = Object.entries({ ...apiVersions, ...listKinds });

export type ClusterKind = keyof typeof apiVersions;

export interface ObjectIdentity {
  readonly kind: ClusterKind;
  /** `name` for nodes and namespaces, `namespace/name` for the others. */
  readonly key: string;
}

export type ClusterObject =
  | { readonly kind: 'Node'; readonly key: string; readonly object: ClusterNode }
  | { readonly kind: 'Namespace'; readonly key: string; readonly object: ClusterNamespace }
  | { readonly kind: 'Pod'; readonly key: string; readonly object: ClusterPod }
  | { readonly kind: 'Service'; readonly key: string; readonly object: ClusterService }
  | { readonly kind: 'EndpointSlice'; readonly key: string; readonly object: ClusterEndpointSlice }
  | {
      readonly kind: 'NetworkPolicy';
      readonly key: string;
      readonly object: ClusterNetworkPolicy;
    };

const typeMeta = z.object({
  apiVersion: z.string().min(1, 'is required'),
  kind: z.string().min(1, 'is required'),
});

const identity = z.object({
  metadata: z.object({ name: objectNameField, namespace: optional(objectNameField) }),
});

/** Undefined for an object of an unsupported kind. Throws InputError if its kind cannot be read. */
export function identify(raw: unknown, origin: string): ObjectIdentity | undefined {
  const { apiVersion, kind } = parseFields(typeMeta, raw, origin);
  if (!isClusterKind(kind)) {
    refuseMisspelt(kind, apiVersion, origin);
    return undefined;
  }
  const expected = apiVersions[kind];
  if (apiVersion !== expected) {
    // Another group may have a kind of the same name (Knative's Service). An unsupported version of our group would be
    // lost silently.
    if (groupOf(apiVersion) !== groupOf(expected)) return undefined;
    const rule = `is not supported: ${kind} is read as ${expected}`;
    throw new InputError({ object: origin, field: 'apiVersion', value: apiVersion, rule });
  }
  return { kind, key: objectKey(kind, raw, `${origin}: ${kind}`) };
}

/** Throws InputError with `origin`, kind, key, field path, value and rule. */
export function parseObject(
  { kind, key }: ObjectIdentity,
  raw: unknown,
  origin: string,
): ClusterObject {
  const where = `${origin}: ${kind} ${key}`;
  switch (kind) {
    case 'Node':
      return { kind, key, object: parseNode(raw, where) };
    case 'Namespace':
      return { kind, key, object: parseNamespace(raw, where) };
    case 'Pod':
      return { kind, key, object: parsePod(raw, where) };
    case 'Service':
      return { kind, key, object: parseService(raw, where) };
    case 'EndpointSlice':
      return { kind, key, object: parseEndpointSlice(raw, where) };
    case 'NetworkPolicy':
      return { kind, key, object: parseNetworkPolicy(raw, where) };
  }
}

/** Whether it is `List`, or the list of a supported kind in that kind's group. */
export function isOurList(kind: string, apiVersion: unknown): boolean {
  const own = Object.hasOwn(listKinds, kind) ? listKinds[kind] : undefined;
  if (own === undefined || typeof apiVersion !== 'string') return false;
  return groupOf(apiVersion) === groupOf(own);
}

// Uses only the name, so that an object is identified even if the rest of it is invalid.
function objectKey(kind: ClusterKind, raw: unknown, where: string): string {
  const { name, namespace = 'default' } = parseFields(identity, raw, where).metadata;
  return kind === 'Node' || kind === 'Namespace' ? name : namespacedName({ namespace, name });
}

// kubectl refuses `kind: node`. If it were ignored, the object would be missing without a message.
function refuseMisspelt(kind: string, apiVersion: string, origin: string): void {
  const lower = kind.toLowerCase();
  for (const [known, version] of writtenKinds) {
    if (lower !== known.toLowerCase() || kind === known) continue;
    if (groupOf(apiVersion) !== groupOf(version)) continue;
    const rule = `has the wrong spelling: the kind is ${known}`;
    throw new InputError({ object: origin, field: 'kind', value: kind, rule });
  }
}

function isClusterKind(kind: string): kind is ClusterKind {
  return Object.hasOwn(apiVersions, kind);
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

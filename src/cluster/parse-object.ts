// One Kubernetes object of any kind we read: who it is, and what it says. The same for every source.

import { z } from 'zod';
import { InputError } from '../base/input-error.ts';
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

/** The kinds we read and the one version of each. */
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

/** For an object of a kind we do not read: undefined. Throws InputError when it does not even say what it is. */
export function identify(raw: unknown, origin: string): ObjectIdentity | undefined {
  const { apiVersion, kind } = parseFields(typeMeta, raw, origin);
  if (!isClusterKind(kind)) {
    refuseMisspelt(kind, apiVersion, origin);
    return undefined;
  }
  const expected = apiVersions[kind];
  if (apiVersion !== expected) {
    // Another group may have a kind of the same name (Knative's Service); another version of ours would be lost silently.
    if (groupOf(apiVersion) !== groupOf(expected)) return undefined;
    const rule = `is not read here: ${kind} is read as ${expected}`;
    throw new InputError({ object: origin, field: 'apiVersion', value: apiVersion, rule });
  }
  return { kind, key: objectKey(kind, raw, `${origin}: ${kind}`) };
}

/** Throws InputError naming `origin`, kind, key, field path, value and rule. */
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

/** Whether it is `List`, or the list of a kind that we read, in the group of that kind. */
export function isOurList(kind: string, apiVersion: unknown): boolean {
  const own = Object.hasOwn(listKinds, kind) ? listKinds[kind] : undefined;
  if (own === undefined || typeof apiVersion !== 'string') return false;
  return groupOf(apiVersion) === groupOf(own);
}

// Looks at the name alone, so that an object is known even when the rest of it is wrong.
function objectKey(kind: ClusterKind, raw: unknown, where: string): string {
  const { name, namespace = 'default' } = parseFields(identity, raw, where).metadata;
  return kind === 'Node' || kind === 'Namespace' ? name : `${namespace}/${name}`;
}

// kubectl refuses `kind: node`; passed over, it would be missed without a word.
function refuseMisspelt(kind: string, apiVersion: string, origin: string): void {
  const lower = kind.toLowerCase();
  for (const [known, version] of writtenKinds) {
    if (lower !== known.toLowerCase() || kind === known) continue;
    if (groupOf(apiVersion) !== groupOf(version)) continue;
    const rule = `is not read here: the kind is written ${known}`;
    throw new InputError({ object: origin, field: 'kind', value: kind, rule });
  }
}

function isClusterKind(kind: string): kind is ClusterKind {
  return Object.hasOwn(apiVersions, kind);
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

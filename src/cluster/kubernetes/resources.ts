// The resources that are listed and watched: path, server-side selectors, and the fields that are kept.

import { FlawedNodeError } from '../flawed-node.ts';
import { type ClusterKind, type ClusterObject, parseObject } from '../parse-object.ts';
import { trimParsed, trimRaw } from './trim.ts';

export interface Resource {
  readonly kind: ClusterKind;
  /** As in a ClusterRole: `pods`. */
  readonly name: string;
  /** `/api/v1/pods` */
  readonly path: string;
  /** Selectors that make the server omit objects which no one reads here. */
  readonly selectors: Readonly<Record<string, string>>;
}

// Endpoints of headless services are found by name resolution alone. Services with another proxy's name are handled by
// that proxy.
const serviceProxyName = 'service.kubernetes.io/service-proxy-name';
const headless = 'service.kubernetes.io/headless';

/** `podsOf`: only pods of this node; undefined: all pods. */
export function resources({
  podsOf,
}: {
  readonly podsOf?: string | undefined;
} = {}): readonly Resource[] {
  if (podsOf === undefined) return all;
  const selectors = { fieldSelector: `spec.nodeName=${podsOf}` };
  return all.map((resource) => (resource.kind === 'Pod' ? { ...resource, selectors } : resource));
}

const all: readonly Resource[] = [
  { kind: 'Node', name: 'nodes', path: '/api/v1/nodes', selectors: {} },
  { kind: 'Namespace', name: 'namespaces', path: '/api/v1/namespaces', selectors: {} },
  { kind: 'Pod', name: 'pods', path: '/api/v1/pods', selectors: {} },
  {
    kind: 'Service',
    name: 'services',
    path: '/api/v1/services',
    selectors: { labelSelector: `!${serviceProxyName}` },
  },
  {
    kind: 'EndpointSlice',
    name: 'endpointslices',
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    selectors: { labelSelector: `!${headless},!${serviceProxyName}` },
  },
  {
    kind: 'NetworkPolicy',
    name: 'networkpolicies',
    path: '/apis/networking.k8s.io/v1/networkpolicies',
    selectors: {},
  },
];

/** Throws InputError. Fields that nothing on a node reads are removed: a Pod of 5-20 kB becomes some 300 bytes. */
export function readObject(kind: ClusterKind, key: string, raw: unknown): ClusterObject['object'] {
  try {
    const trimmed = trimRaw(kind, raw);
    return trimParsed(parseObject({ kind, key }, trimmed, 'API server').object);
  } catch (error) {
    if (!(error instanceof FlawedNodeError)) throw error;
    throw new FlawedNodeError(error.problem, trimParsed(error.rest));
  }
}

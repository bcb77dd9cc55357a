// What is listed and watched: where it is, what the server may leave out, and what we keep of it.

import type { ClusterPod } from '../objects.ts';
import { type ClusterKind, type ClusterObject, parseObject } from '../parse-object.ts';

export interface Resource {
  readonly kind: ClusterKind;
  /** As in a ClusterRole: `pods`. */
  readonly name: string;
  /** `/api/v1/pods` */
  readonly path: string;
  /** Leaves out on the server what nothing here reads. */
  readonly selectors: Readonly<Record<string, string>>;
}

// Endpoints of headless services are found by name resolution alone; services with another proxy's name are not ours.
const serviceProxyName = 'service.kubernetes.io/service-proxy-name';
const headless = 'service.kubernetes.io/headless';

/** `podsOf`: the node whose pods alone are wanted; undefined: all pods. */
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

/** Throws InputError. What nothing on a node reads goes at once: of a Pod's 5-20 kB some 300 bytes stay. */
export function readObject(kind: ClusterKind, key: string, raw: unknown): ClusterObject['object'] {
  const parsed = parseObject({ kind, key }, withoutForeignAnnotations(raw), 'API server');
  return parsed.kind === 'Pod' ? trimPod(parsed.object) : parsed.object;
}

// Annotations are the largest part of many objects (the last applied manifest), and we read few.
const readAnnotation =
  /^([a-z0-9.-]+\.)?heddle\.dev\/|^kubernetes\.io\/(in|e)gress-bandwidth$|^service\.kubernetes\.io\//;

function withoutForeignAnnotations(raw: unknown): unknown {
  if (!isRecord(raw) || !isRecord(raw['metadata'])) return raw;
  const { annotations } = raw['metadata'];
  if (!isRecord(annotations)) return raw;
  const read = Object.entries(annotations).filter(([key]) => readAnnotation.test(key));
  return { ...raw, metadata: { ...raw['metadata'], annotations: Object.fromEntries(read) } };
}

const nothing: readonly string[] = [];

// Of containers only ports are read on a node: policies and services may name them.
function trimPod(pod: ClusterPod): ClusterPod {
  const containers = pod.containers.flatMap(({ name, ports }) =>
    ports.length === 0 ? [] : [{ name, command: nothing, args: nothing, ports }],
  );
  return { ...pod, containers };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

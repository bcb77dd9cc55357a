// The fields of API objects that are kept, because something on a node reads them. Any tenant can write a megabyte of
// labels, ports or peers into an object, and every node would hold it. Fields without a use in this version are removed
// before the object is parsed. Add a field here when code begins to need it.

import type { ClusterKind, ClusterObject } from '../parse-object.ts';

type Raw = Readonly<Record<string, unknown>>;

const serviceName = 'kubernetes.io/service-name';

/** The API server writes this slice and reverts changes by others. */
const apiServerSlice = 'default/kubernetes';

const readAnnotations: Partial<Record<ClusterKind, RegExp>> = {
  Node: /^([a-z0-9.-]+\.)?heddle\.dev\//,
  // A pod from a kubelet's file is known to the runtime by that hash.
  Pod: /^kubernetes\.io\/((in|e)gress-bandwidth|config\.hash)$/,
};

/**
 * Values in use are far shorter. A longer value stays malformed, so that it is refused instead of treated as absent.
 */
const longestAnnotation = 1_024;
const shownAnnotation = 256;

/** Lists are cut to these lengths before their items are parsed. Kubernetes itself needs a few of each. */
const mostAddresses = 64;
const mostClusterAddresses = 2;
/** Limits for addresses of every type (Hostname, ExternalIP) and for taints. */
const mostOfNode = 256;

interface ListField {
  readonly path: readonly string[];
  readonly most: number;
}

const cutLists: Partial<Record<ClusterKind, readonly ListField[]>> = {
  Service: [
    { path: ['spec', 'clusterIPs'], most: mostClusterAddresses },
    { path: ['spec', 'externalIPs'], most: mostAddresses },
    { path: ['status', 'loadBalancer', 'ingress'], most: mostAddresses },
  ],
  Node: [
    { path: ['spec', 'podCIDRs'], most: mostOfNode },
    { path: ['spec', 'taints'], most: mostOfNode },
    { path: ['status', 'addresses'], most: mostOfNode },
  ],
  Pod: [{ path: ['status', 'podIPs'], most: mostAddresses }],
};

/** Describes what is omitted from an object's lists; undefined: nothing is. */
export function cutOf(kind: ClusterKind, raw: unknown): string | undefined {
  const texts = (cutLists[kind] ?? []).flatMap(({ path, most }) => {
    const value = valueAt(raw, path);
    if (!Array.isArray(value) || value.length <= most) return [];
    return [`${path.join('.')} has ${value.length} items; only the first ${most} are used`];
  });
  return texts.length === 0 ? undefined : texts.join('; ');
}

function valueAt(raw: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, field) => (isRecord(value) ? value[field] : undefined), raw);
}

function withCut(raw: Raw, [field, ...rest]: readonly string[], most: number): Raw {
  if (field === undefined) return raw;
  const value = raw[field];
  if (rest.length > 0)
    return isRecord(value) ? { ...raw, [field]: withCut(value, rest, most) } : raw;
  return Array.isArray(value) && value.length > most
    ? { ...raw, [field]: value.slice(0, most) }
    : raw;
}

/** The object in the form that is parsed. */
export function trimRaw(kind: ClusterKind, key: string, raw: unknown): unknown {
  if (!isRecord(raw)) return raw;
  const metadata = trimMetadata(kind, raw['metadata']);
  const fields = { metadata, spec: raw['spec'], status: raw['status'] };
  const trimmed = { ...fields, ...kindFields(kind, key, raw) };
  return (cutLists[kind] ?? []).reduce<Raw>(
    (kept, { path, most }) => withCut(kept, path, most),
    trimmed,
  );
}

const none: Readonly<Record<string, string>> = {};

/**
 * The parsed object in the form that is kept: with tens of thousands of objects, even an empty map for each costs
 * memory.
 */
export function trimParsed<T extends ClusterObject['object']>(object: T): T {
  const { annotations } = object;
  const isEmpty = Object.keys(annotations).length === 0;
  return { ...object, labels: none, annotations: isEmpty ? none : annotations };
}

function trimMetadata(kind: ClusterKind, metadata: unknown): unknown {
  if (!isRecord(metadata)) return metadata;
  const { name, namespace, uid, creationTimestamp, deletionTimestamp } = metadata;
  return {
    name,
    namespace,
    uid,
    creationTimestamp,
    deletionTimestamp,
    labels: kind === 'EndpointSlice' ? sliceLabels(metadata['labels']) : undefined,
    annotations: trimAnnotations(readAnnotations[kind], metadata['annotations']),
  };
}

function sliceLabels(labels: unknown): unknown {
  return isRecord(labels) && serviceName in labels ? { [serviceName]: labels[serviceName] } : {};
}

function trimAnnotations(read: RegExp | undefined, annotations: unknown): unknown {
  if (read === undefined) return undefined;
  if (!isRecord(annotations)) return annotations;
  return Object.fromEntries(
    Object.entries(annotations)
      .filter(([key]) => read.test(key))
      .map(([key, value]) => [key, shortAnnotation(value)]),
  );
}

// Encoded and decoded, because a substring keeps the whole string in memory.
function shortAnnotation(value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= longestAnnotation) return value;
  return Buffer.from(`${value.slice(0, shownAnnotation)}...`).toString();
}

function kindFields(kind: ClusterKind, key: string, raw: Raw): Raw {
  const { spec } = raw;
  switch (kind) {
    case 'Pod':
      return without(spec, ['containers']);
    case 'Service':
      return without(spec, ['ports', 'selector']);
    case 'EndpointSlice':
      return trimSlice(key, raw);
    case 'NetworkPolicy':
      // Policies are not enforced yet: only their existence matters.
      return { spec: {} };
    case 'Node':
    case 'Namespace':
      return {};
  }
}

function without(spec: unknown, fields: readonly string[]): Raw {
  if (!isRecord(spec)) return {};
  return { spec: { ...spec, ...Object.fromEntries(fields.map((field) => [field, undefined])) } };
}

// Endpoints are read only for the API server, in the slices of the Service `kubernetes`.
function trimSlice(key: string, { addressType, endpoints }: Raw): Raw {
  return { addressType, endpoints: key === apiServerSlice ? endpoints : undefined };
}

function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

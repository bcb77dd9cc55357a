// The fields of API objects that are kept, because something on a node reads them. Any tenant can write a megabyte of
// labels, ports or peers into an object, and every node would hold it. Fields without a use in this version are removed
// before the object is parsed. Add a field here when code begins to need it.

import type { ClusterKind, ClusterObject } from '../parse-object.ts';
import { unproxiedLabels } from '../parse-service.ts';

type Raw = Readonly<Record<string, unknown>>;

const readLabels: Partial<Record<ClusterKind, readonly string[]>> = {
  Node: ['topology.kubernetes.io/zone'],
  Service: unproxiedLabels,
  EndpointSlice: ['kubernetes.io/service-name', ...unproxiedLabels],
};

const readAnnotations: Partial<Record<ClusterKind, RegExp>> = {
  EndpointSlice: /^endpoints\.kubernetes\.io\/last-change-trigger-time$/,
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
/** Kubernetes itself has no limit for the ports and source ranges of a Service. Fewer source ranges admit fewer. */
const mostOfService = 1_024;
/** The API's limit. */
const mostEndpoints = 1_000;
/** A slice has the ports of one Service. */
const mostSlicePorts = mostOfService;

interface ListField {
  readonly path: readonly string[];
  readonly most: number;
}

const cutLists: Partial<Record<ClusterKind, readonly ListField[]>> = {
  Service: [
    { path: ['spec', 'clusterIPs'], most: mostClusterAddresses },
    { path: ['spec', 'externalIPs'], most: mostAddresses },
    { path: ['spec', 'ports'], most: mostOfService },
    { path: ['spec', 'loadBalancerSourceRanges'], most: mostOfService },
    { path: ['status', 'loadBalancer', 'ingress'], most: mostAddresses },
  ],
  EndpointSlice: [
    { path: ['endpoints'], most: mostEndpoints },
    { path: ['ports'], most: mostSlicePorts },
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
export function trimRaw(kind: ClusterKind, raw: unknown): unknown {
  if (!isRecord(raw)) return raw;
  const metadata = trimMetadata(kind, raw['metadata']);
  const fields = { metadata, spec: raw['spec'], status: raw['status'] };
  const trimmed = { ...fields, ...kindFields(kind, raw) };
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
    labels: trimLabels(readLabels[kind], metadata['labels']),
    annotations: trimAnnotations(readAnnotations[kind], metadata['annotations']),
  };
}

function trimLabels(read: readonly string[] | undefined, labels: unknown): unknown {
  if (read === undefined || !isRecord(labels)) return undefined;
  const kept = read.filter((label) => label in labels);
  return Object.fromEntries(kept.map((label) => [label, labels[label]]));
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

function kindFields(kind: ClusterKind, raw: Raw): Raw {
  const { spec, addressType, endpoints, ports } = raw;
  switch (kind) {
    case 'Pod':
      return without(spec, ['containers']);
    case 'Service':
      return without(spec, ['selector']);
    case 'EndpointSlice':
      return { addressType, endpoints, ports };
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

function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

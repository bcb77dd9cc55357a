// Fields that Kubernetes never removes, and some that it never changes: the API server's validation refuses such
// updates. An answer with such a change is wrong (half an object, another cluster's, a broken proxy), or the earlier
// answer was wrong, or a version in between was missed. contradictions.ts decides over time.
//
// Not included because the API permits it: `status.podIPs` of a running Pod may change and become empty when a kubelet
// recreates the pod's sandbox.

import { isDeepStrictEqual } from 'node:util';
import { InputError, type InputProblem } from '../../base/input-error.ts';
import type { ClusterNode, ClusterService, ObjectMeta } from '../objects.ts';
import type { ClusterKind, ClusterObject } from '../parse-object.ts';

/** Two versions of one object (same uid). */
export interface StoredVersions<T> {
  readonly key: string;
  readonly before: T;
  readonly after: T;
  /** Whether `before` is the usable rest of a flawed object. */
  readonly isPart: boolean;
}

type Versions = StoredVersions<ClusterObject['object']>;

export interface Contradiction {
  /** A sentence for users. */
  readonly text: string;
  /** Whether a value is missing that existed before, as in half an answer. */
  readonly isLoss: boolean;
}

/** A version of an object contradicts the previous one. */
export class FixedFieldError extends InputError {
  readonly #isLoss: boolean;

  constructor(problem: InputProblem, isLoss: boolean) {
    super(problem);
    this.#isLoss = isLoss;
  }

  get told(): Contradiction {
    return { text: this.message, isLoss: this.#isLoss };
  }
}

interface FixedField {
  readonly field: string;
  /** Absent or an empty list means not set yet. */
  readonly before: unknown;
  readonly after: unknown;
  /** The value may be replaced but not removed. */
  readonly isReplaceable?: boolean;
}

/** Throws FixedFieldError if `after` lacks or changes a value that Kubernetes never changes once it is set. */
export function requireFixed(kind: ClusterKind, versions: Versions): void {
  const { key, before, after } = versions;
  const broken = [...metadata(before, after), ...fieldsOf(kind, versions)].filter(isBroken);
  const [first] = broken;
  if (first === undefined) return;
  const { field, after: value, isReplaceable = false } = first;
  const verb = value === undefined ? 'is missing and was' : 'replaces';
  const never = isReplaceable
    ? 'a kubelet never removes all of them'
    : 'Kubernetes never changes it';
  const rule = `${verb} ${shown(first.before)}: ${never}`;
  const problem = { object: `API server: ${kind} ${key}`, field, value, rule };
  throw new FixedFieldError(problem, broken.some(isLoss));
}

function isBroken({ before, after, isReplaceable = false }: FixedField): boolean {
  if (!isSet(before) || isDeepStrictEqual(before, after)) return false;
  return !isReplaceable || !isSet(after);
}

function isLoss({ before, after }: FixedField): boolean {
  if (Array.isArray(before) && Array.isArray(after)) return after.length < before.length;
  return !isSet(after);
}

// A missing `uid` is a loss; a different one means another object.
function metadata(before: ObjectMeta, after: ObjectMeta): readonly FixedField[] {
  return [
    { field: 'metadata.uid', before: before.uid, after: after.uid },
    {
      field: 'metadata.creationTimestamp',
      before: timeText(before.createdAt),
      after: timeText(after.createdAt),
    },
    {
      field: 'metadata.deletionTimestamp',
      before: before.isDeleting && 'set',
      after: after.isDeleting && 'set',
    },
  ];
}

function fieldsOf(kind: ClusterKind, { before, after, isPart }: Versions): readonly FixedField[] {
  if (kind === 'Node' && 'podCidrs' in before && 'podCidrs' in after)
    return nodeFields(before, after, isPart);
  if (kind === 'Pod' && 'hostNetwork' in before && 'hostNetwork' in after)
    return [
      // A Pod is assigned to a node only once.
      { field: 'spec.nodeName', before: before.node, after: after.node },
      { field: 'spec.hostNetwork', before: before.hostNetwork, after: after.hostNetwork },
    ];
  if (kind === 'Service' && 'clusterAddresses' in before && 'clusterAddresses' in after)
    return serviceFields(before, after);
  if (kind === 'EndpointSlice' && 'addressType' in before && 'addressType' in after)
    return [{ field: 'addressType', before: before.addressType, after: after.addressType }];
  return [];
}

// A kubelet or cloud provider may change a Node's addresses. A kubelet keeps the last ones if it finds none. A cloud
// provider may remove them, for example when the machine leaves a private network.
function nodeFields(
  before: ClusterNode,
  after: ClusterNode,
  isPart: boolean,
): readonly FixedField[] {
  const isKept = isPart && before.podCidrs.every((range) => after.podCidrs.includes(range));
  return [
    {
      field: 'spec.podCIDRs',
      before: before.podCidrs,
      after: isKept ? before.podCidrs : after.podCidrs,
    },
    {
      field: 'status.addresses',
      before: before.addresses,
      after: after.addresses,
      isReplaceable: true,
    },
  ];
}

// The first address is fixed. A second one depends on the Service's family policy. A Service that becomes an
// ExternalName loses both.
function serviceFields(before: ClusterService, after: ClusterService): readonly FixedField[] {
  if (before.type === 'ExternalName' || after.type === 'ExternalName') return [];
  const [first, second] = before.clusterAddresses;
  const [firstNow, secondNow] = after.clusterAddresses;
  return [
    { field: 'spec.clusterIPs[0]', before: first, after: firstNow },
    { field: 'spec.clusterIPs[1]', before: second, after: secondNow ?? second },
  ];
}

function isSet(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

function shown(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function timeText(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

/** `before` if both are equal. */
export function keptReference<T extends object>(before: T | undefined, object: T): T {
  return before !== undefined && isDeepStrictEqual(before, object) ? before : object;
}

/** Names are reused, uids are not. If a uid is missing, it counts as the same object. */
export function isOtherObject(known: object | undefined, raw: unknown): boolean {
  const before = known !== undefined && 'uid' in known ? known.uid : undefined;
  const { metadata } = (raw ?? {}) as { readonly metadata?: { readonly uid?: unknown } | null };
  const now = metadata?.uid;
  return typeof before === 'string' && typeof now === 'string' && before !== now;
}

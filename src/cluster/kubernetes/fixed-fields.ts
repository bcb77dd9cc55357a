// Fields that Kubernetes never takes back, and some that it never changes: the API server's own validation refuses such an
// update, so an answer that shows one is wrong, whatever it came by (half an object, another cluster's, a broken proxy); or
// what was told before was, or a version between was missed. Which, time shows (contradictions.ts).
//
// Not here, since the API permits it: `status.podIPs` of a running Pod may change, and be empty, where a kubelet makes the
// sandbox of the pod again.

import { isDeepStrictEqual } from 'node:util';
import { InputError, type InputProblem } from '../../base/input-error.ts';
import type { ClusterNode, ClusterService, ObjectMeta } from '../objects.ts';
import type { ClusterKind, ClusterObject } from '../parse-object.ts';

/** Two versions of one object, as its uid says. */
export interface StoredVersions<T> {
  readonly key: string;
  readonly before: T;
  readonly after: T;
  /** `before` is the usable rest of a flawed object. */
  readonly isPart: boolean;
}

type Versions = StoredVersions<ClusterObject['object']>;

export interface Contradiction {
  /** What is wrong with it, for people. */
  readonly text: string;
  /** Something is missing that was there, as in half an answer. */
  readonly isLoss: boolean;
}

/** What was told of an object cannot follow what was told before. */
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
  /** Absent, or an empty list: not set yet. */
  readonly before: unknown;
  readonly after: unknown;
  /** May be replaced, though not removed. */
  readonly isReplaceable?: boolean;
}

/** Throws FixedFieldError where `after` lacks, or shows otherwise, what Kubernetes never changes once it is set. */
export function requireFixed(kind: ClusterKind, versions: Versions): void {
  const { key, before, after } = versions;
  const broken = [...metadata(before, after), ...fieldsOf(kind, versions)].filter(isBroken);
  const [first] = broken;
  if (first === undefined) return;
  const { field, after: value, isReplaceable = false } = first;
  const verb = value === undefined ? 'is missing and was' : 'replaces';
  const never = isReplaceable
    ? 'a kubelet never takes all of them away'
    : 'Kubernetes never does that to an object';
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

// `uid` differs only where it is missing: with another one it is another object.
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
      // A Pod is assigned to a node once.
      { field: 'spec.nodeName', before: before.node, after: after.node },
      { field: 'spec.hostNetwork', before: before.hostNetwork, after: after.hostNetwork },
    ];
  if (kind === 'Service' && 'clusterAddresses' in before && 'clusterAddresses' in after)
    return serviceFields(before, after);
  if (kind === 'EndpointSlice' && 'addressType' in before && 'addressType' in after)
    return [{ field: 'addressType', before: before.addressType, after: after.addressType }];
  return [];
}

// A kubelet or cloud provider may give a Node other addresses. A kubelet leaves it the last ones where it finds none; a cloud
// provider may take them away, as a private network that the machine is no longer in.
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

// The first address stays; a second one comes and goes with the Service's family policy. One that becomes ExternalName, which
// is a name, loses both.
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

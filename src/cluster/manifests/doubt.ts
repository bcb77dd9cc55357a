// Decides when files that lost objects are not accepted yet, like lists of an API server (kubernetes/list-doubt.ts). A
// file that was truncated, is being written, or is in a folder that is not mounted looks as if its objects had been
// deleted. Additions and changes are applied immediately, and so is the removal of one file among several, which is how
// objects are deleted, unless it contained this node's own Node.

import type { Moment } from '../../base/moment.ts';
import { prefixFamily } from '../../net/prefix.ts';
import type { ClusterNode } from '../objects.ts';
import type { SourceProblem } from '../state.ts';
import type { FileObject, ManifestFile } from './file.ts';
import type { Scan, ScannedFile } from './scan.ts';

export interface DoubtOptions {
  readonly directory: string;
  /** Name of this node: a file that loses its Node is doubted. */
  readonly node?: string | undefined;
  /** How long a doubtful file or folder must stay unchanged to be accepted. */
  readonly doubtMs: number;
  /** The same for a file that was written in place and lost some of its objects. */
  readonly writingMs: number;
  readonly now: Moment;
  /** Before the first accepted scan: number of other nodes' pod ranges, of the family with most, to which this node still has routes. */
  readonly heldRanges?: (() => number) | undefined;
}

/** `previous`: the accepted scan, undefined at the start. `next`: the scan as read. */
export function believedScan(next: Scan, previous: Scan | undefined, options: DoubtOptions): Scan {
  const wasAccepted = previous?.isAccepted === true;
  if (next.problem !== undefined) return { ...next, isAccepted: wasAccepted };
  const compared = comparedScan(next, previous, options);
  const believed = wasAccepted ? compared : startedScan(compared, previous, options);
  return { ...believed, isAccepted: wasAccepted || isSound(believed) };
}

// Files that were emptied while no agent ran are compared with the routes that the last one left.
function startedScan(scan: Scan, previous: Scan | undefined, options: DoubtOptions): Scan {
  const { directory, node, doubtMs, now, heldRanges } = options;
  if (!isSound(scan)) return scan;
  const held = heldRanges?.() ?? 0;
  const nodes = nodesOf(scan);
  const ranges = otherRanges(nodes, node);
  const fewNodesSince = previous?.fewNodesSince ?? now;
  const until = (fewNodesSince + doubtMs) as Moment;
  const isOwnMissing = held > 0 && node !== undefined && !nodes.some(({ name }) => name === node);
  if ((ranges >= held && !isOwnMissing) || now >= until) return scan;
  const text = isOwnMissing
    ? `directory ${directory}: does not contain Node ${node}, but this node has routes to pods of others`
    : `directory ${directory}: has ${ranges} pod ranges of other nodes, but this node has routes to ${held}`;
  const doubtedUntil = earlier(scan.doubtedUntil, until);
  return { ...scan, fewNodesSince, doubtedUntil, doubt: problemOf(directory, text, doubtMs) };
}

function nodesOf({ files }: Scan): readonly ClusterNode[] {
  return [...files.values()].flatMap(({ manifests }) =>
    [...manifests.objects.values()].flatMap(({ content }) =>
      content.kind === 'Node' ? [content.object] : [],
    ),
  );
}

/** Number of pod ranges to which routes can lead, of the family with most. */
function otherRanges(nodes: readonly ClusterNode[], own: string | undefined): number {
  const ranges = nodes
    .filter(({ name, addresses }) => name !== own && addresses.length > 0)
    .flatMap(({ podCidrs }) => podCidrs);
  const ofIpv4 = ranges.filter((range) => prefixFamily(range) === 4).length;
  return Math.max(ofIpv4, ranges.length - ofIpv4);
}

function comparedScan(next: Scan, previous: Scan | undefined, options: DoubtOptions): Scan {
  const present = objectIds(next);
  if (present.size === 0) return believedEmpty(next, previous, options);
  const files = new Map<string, ScannedFile>();
  let until: Moment | undefined;
  for (const [name, file] of next.files) {
    const before = previous?.files.get(name);
    const doubt = before && fileDoubt({ file, before, present }, options);
    files.set(name, doubt === undefined ? file : withheld(file, doubt));
    if (doubt !== undefined) until = earlier(until, doubt.until);
  }
  for (const [name, before] of previous?.files ?? []) {
    const doubt = next.files.has(name) ? undefined : missingDoubt({ before, present }, options);
    if (doubt === undefined) continue;
    const missingSince = before.missingSince ?? options.now;
    const manifests: ManifestFile = { objects: new Map(), problems: [], complete: true };
    files.set(name, withheld({ ...before, version: '', missingSince, manifests }, doubt));
    until = earlier(until, doubt.until);
  }
  return { files, doubtedUntil: until };
}

/** Objects of all files. */
function objectIds({ files }: Scan): ReadonlySet<string> {
  return new Set([...files.values()].flatMap(({ manifests }) => [...manifests.objects.keys()]));
}

// The whole folder has no objects.
function believedEmpty(next: Scan, previous: Scan | undefined, options: DoubtOptions): Scan {
  const { directory, doubtMs, now } = options;
  const before = previous === undefined ? 0 : objectIds(previous).size;
  if (!isSound(next) || (before === 0 && previous !== undefined && isSound(previous))) return next;
  const emptySince = previous?.emptySince ?? now;
  const until = (emptySince + doubtMs) as Moment;
  if (now >= until) return next;
  const had = before === 0 ? '' : `, but there were ${before}`;
  return {
    files: before === 0 ? next.files : (previous?.files ?? next.files),
    emptySince,
    doubtedUntil: until,
    doubt: problemOf(directory, `directory ${directory}: has no objects${had}`, doubtMs),
  };
}

// Everything was read and accepted: the scan shows the actual state of the folder.
function isSound({ files, problem, doubt }: Scan): boolean {
  const isRead = [...files.values()].every(({ manifests }) => manifests.complete);
  return isRead && problem === undefined && doubt === undefined;
}

interface Doubt {
  readonly until: Moment;
  readonly problem: (file: string) => SourceProblem;
  readonly vanished: ReadonlyMap<string, FileObject>;
}

interface Compared {
  readonly file: ScannedFile;
  readonly before: ScannedFile;
  readonly present: ReadonlySet<string>;
}

function fileDoubt(
  { file, before, present }: Compared,
  { node, doubtMs, writingMs, now }: DoubtOptions,
): Doubt | undefined {
  if (file === before) return undefined;
  const had = before.manifests.objects;
  const vanished = new Map([...had].filter(([id]) => !present.has(id)));
  if (vanished.size === 0) return undefined;
  const own = `Node ${node}`;
  const isOwn = node !== undefined && vanished.has(own);
  const isEmpty = file.manifests.objects.size === 0;
  const isInPlace = file.identity === before.identity;
  if (!isOwn && !isEmpty && !isInPlace) return undefined;
  const patienceMs = isOwn || isEmpty ? doubtMs : writingMs;
  const until = (file.versionSeenAt + patienceMs) as Moment;
  if (now >= until) return undefined;
  const lost = isOwn ? own : vanished.size === 1 ? [...vanished.keys()].join() : undefined;
  const text = isEmpty
    ? `has no objects, but had ${had.size}`
    : `no longer has ${lost ?? `${vanished.size} objects`}`;
  return { until, vanished, problem: (path) => problemOf(path, `${path}: ${text}`, patienceMs) };
}

/** Doubt about a file that no longer exists. */
function missingDoubt(
  { before, present }: Pick<Compared, 'before' | 'present'>,
  { node, doubtMs, now }: DoubtOptions,
): Doubt | undefined {
  const vanished = new Map([...before.manifests.objects].filter(([id]) => !present.has(id)));
  const own = `Node ${node}`;
  const until = ((before.missingSince ?? now) + doubtMs) as Moment;
  if (node === undefined || !vanished.has(own) || now >= until) return undefined;
  const text = `was removed, but contained ${own}`;
  return { until, vanished, problem: (path) => problemOf(path, `${path}: ${text}`, doubtMs) };
}

function problemOf(subject: string, text: string, patienceMs: number): SourceProblem {
  const consequence = `nothing is removed until this has lasted ${patienceMs / 1_000} s`;
  return { subject, text, consequence };
}

function withheld(file: ScannedFile, { vanished, problem }: Doubt): ScannedFile {
  const { objects, problems, complete } = file.manifests;
  const manifests: ManifestFile = {
    objects: new Map([...vanished, ...objects]),
    problems: [...problems, problem(file.path)],
    complete,
  };
  return { ...file, manifests, isSettled: false };
}

function earlier(left: Moment | undefined, right: Moment): Moment {
  return left === undefined || right < left ? right : left;
}

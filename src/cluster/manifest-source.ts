// ClusterSource over a directory of YAML: every .yaml, .yml and .json file directly in it, hidden ones excepted.
// Directory -> files (read when their inode changed) -> objects -> snapshot. Writers should rename into place; a file
// seen half-written is read again after the next event.

import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { backoffMs } from '../base/backoff.ts';
import { type Moment, moment } from '../base/moment.ts';
import { BoundedProblems } from './bounded-problems.ts';
import { DirectoryChanges } from './directory-changes.ts';
import { foldObjects } from './fold.ts';
import { manifestBytes, noFile } from './manifest-bytes.ts';
import {
  brokenFile,
  duplicateProblem,
  type FileObject,
  type ManifestFile,
} from './manifest-file.ts';
import { CostlyFileError, ManifestReader, type ManifestReaderOptions } from './manifest-reader.ts';
import type { ClusterSource } from './source.ts';
import { type ClusterSnapshot, emptyClusterState, type SourceProblem } from './state.ts';

export interface ManifestSourceOptions {
  /** How long a directory must be quiet before it is read. Default 50 ms. */
  readonly debounceMs?: number | undefined;
  /** How often it is looked at without any event, should the kernel have lost one. Default 5,000 ms. */
  readonly rescanMs?: number | undefined;
  /** How long one file may take to be read. Default 30,000 ms. */
  readonly deadlineMs?: number | undefined;
}

export function manifestSource(
  directory: string,
  options: ManifestSourceOptions = {},
): ClusterSource {
  const { debounceMs = 50, rescanMs = 5_000, deadlineMs } = options;
  const asked: ((isAll: boolean) => void)[] = [];
  let hurry = (): void => undefined;
  return {
    name: `directory ${directory}`,
    reread: () =>
      new Promise((resolve) => {
        asked.push(resolve);
        hurry();
      }),
    async *watch(signal) {
      using changes = new DirectoryChanges({ directory, debounceMs, rescanMs, signal });
      let scan: Scan = { files: new Map() };
      let snapshot: ClusterSnapshot | undefined;
      hurry = () => changes.hurry();
      while (!signal.aborted) {
        const answered = asked.splice(0);
        changes.rewatch();
        scan = await scanDirectory(directory, scan, { signal, deadlineMs });
        if (signal.aborted) {
          for (const answer of answered) answer(false);
          break;
        }
        const next = compose(scan, snapshot);
        if (next !== snapshot) {
          snapshot = next;
          yield snapshot;
        }
        const isAll = snapshot?.complete === true && snapshot.problems.length === 0;
        for (const answer of answered) answer(isAll);
        if (asked.length === 0) await changes.next();
      }
    },
  };
}

interface Scan {
  /** By file name. */
  readonly files: ReadonlyMap<string, ScannedFile>;
  /** Set when the directory itself could not be read; `files` is then what it held before. */
  readonly problem?: SourceProblem | undefined;
}

interface ScannedFile {
  /** Changes whenever the content may have. */
  readonly version: string;
  readonly versionSeenAt: Moment;
  /** No other content can have this version: it need not be read again. */
  readonly isSettled: boolean;
  readonly manifests: ManifestFile;
  /** It took more than it may: as it is, it is not read again before that time. */
  readonly costly?: { readonly failures: number; readonly retryAt: number };
}

// Two writes within one tick of the kernel's clock leave the same time; after this long there is a later one.
const settledMs = 1_000;

/** Each is looked at after every change of the directory. */
const mostFiles = 10_000;
/** Of all files that are told in words. */
const mostProblems = 1_000;
const goodContents = 'its last good contents stay in force';

// It may have been the machine that was slow.
const costlyPatience = { firstMs: 60_000, maxMs: 3_600_000 };

async function scanDirectory(
  directory: string,
  previous: Scan,
  options: ManifestReaderOptions,
): Promise<Scan> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    const text = `directory ${directory}: ${errorText(error)}`;
    return { files: previous.files, problem: { text, consequence: goodContents } };
  }
  const manifests = names.filter(isManifest).sort();
  if (manifests.length > mostFiles) {
    const text = `directory ${directory}: has ${manifests.length} manifests, more than ${mostFiles}`;
    return { files: previous.files, problem: { text, consequence: goodContents } };
  }
  const files = new Map<string, ScannedFile>();
  using reader = new ManifestReader(options);
  for (const name of manifests) {
    if (options.signal.aborted) return previous;
    const file = await scanFile(join(directory, name), previous.files.get(name), reader);
    if (file !== undefined) files.set(name, file);
  }
  return { files };
}

async function scanFile(
  path: string,
  previous: ScannedFile | undefined,
  reader: ManifestReader,
): Promise<ScannedFile | undefined> {
  let seen = { version: '', versionSeenAt: moment(), isSettled: false };
  try {
    const before = await stat(path);
    if (!before.isFile()) throw new Error(noFile);
    const version = `${before.dev} ${before.ino} ${before.size} ${before.ctimeMs}`;
    const known = previous?.version === version ? previous : undefined;
    if (known?.isSettled === true || isTooSoon(known)) return known;
    const versionSeenAt = known?.versionSeenAt ?? moment();
    // The second is for a wall clock that was set back: then the file lies in the future.
    const isSettled =
      Date.now() - before.ctimeMs > settledMs || moment() - versionSeenAt > settledMs;
    seen = { version, versionSeenAt, isSettled };
    const manifests = await reader.read(path, await manifestBytes(path), previous?.manifests);
    return { ...seen, manifests };
  } catch (error) {
    if (isMissing(error) && (await isGone(path))) return undefined;
    const manifests = brokenFile(`${path}: ${errorText(error)}`, previous?.manifests);
    const again = { ...seen, isSettled: false, manifests };
    if (!(error instanceof CostlyFileError)) return { ...again, version: '' };
    const before = previous?.version === seen.version ? previous.costly : undefined;
    const failures = (before?.failures ?? 0) + 1;
    const retryAt = moment() + backoffMs(failures, costlyPatience);
    return { ...again, costly: { failures, retryAt } };
  }
}

function isTooSoon(known: ScannedFile | undefined): boolean {
  return known?.costly !== undefined && moment() < known.costly.retryAt;
}

function compose(scan: Scan, previous: ClusterSnapshot | undefined): ClusterSnapshot {
  const first = new Map<string, FileObject>();
  const found = new BoundedProblems(mostProblems, 'the directory');
  if (scan.problem !== undefined) found.add(scan.problem);
  let complete = scan.problem === undefined || previous?.complete === true;
  for (const { manifests } of scan.files.values()) {
    for (const problem of manifests.problems) found.add(problem);
    complete &&= manifests.complete;
    for (const [id, object] of manifests.objects) {
      const earlier = first.get(id);
      if (earlier === undefined) first.set(id, object);
      else found.add(duplicateProblem(id, object.origin, earlier.origin));
    }
  }
  const objects = Array.from(first.values(), ({ content }) => content);
  const state = foldObjects(objects, previous?.state ?? emptyClusterState);
  const problems = found.all;
  const isSame =
    previous !== undefined &&
    state === previous.state &&
    complete === previous.complete &&
    sameProblems(problems, previous.problems);
  return isSame ? previous : { state, problems, complete };
}

function sameProblems(left: readonly SourceProblem[], right: readonly SourceProblem[]): boolean {
  return (
    left.length === right.length &&
    left.every(
      ({ text, consequence }, index) =>
        text === right[index]?.text && consequence === right[index]?.consequence,
    )
  );
}

function isManifest(name: string): boolean {
  return !name.startsWith('.') && /\.(ya?ml|json)$/.test(name);
}

// Not so a link to nothing: its objects are not known to be deleted. Nor a name that is not UTF-8, which is read with U+FFFD.
async function isGone(path: string): Promise<boolean> {
  if (path.includes('\ufffd')) return false;
  return await lstat(path).then(() => false, isMissing);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

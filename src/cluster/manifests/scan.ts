// Scans the directory of manifests once: lists the files, and reads those whose inode changed.

import type { Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { backoffMs } from '../../base/backoff.ts';
import { errorText, isMissing } from '../../base/errors.ts';
import { type Moment, moment } from '../../base/moment.ts';
import type { SourceProblem } from '../state.ts';
import { manifestBytes, noFile } from './bytes.ts';
import { brokenFile, type ManifestFile } from './file.ts';
import { CostlyFileError, ManifestReader, type ManifestReaderOptions } from './reader.ts';

export interface Scan {
  /** By file name. */
  readonly files: ReadonlyMap<string, ScannedFile>;
  /** Set if the directory itself could not be read; `files` is then the previous content. */
  readonly problem?: SourceProblem | undefined;
  /** Set if the folder has no objects, which is not accepted yet. */
  readonly doubt?: SourceProblem | undefined;
  readonly emptySince?: Moment | undefined;
  /** Whether the folder, or its contents at an earlier time, were read and accepted completely. */
  readonly isAccepted?: boolean;
  /** Before that: since when the folder has had fewer Nodes than there are routes. */
  readonly fewNodesSince?: Moment | undefined;
  /** When a current doubt may end. */
  readonly doubtedUntil?: Moment | undefined;
}

export interface ScannedFile {
  readonly path: string;
  /** Changes whenever the content may have changed. */
  readonly version: string;
  /** Device and inode; they change if the file is replaced. */
  readonly identity: string;
  readonly versionSeenAt: Moment;
  /** Whether only one content can have this version, so that the file need not be read again. */
  readonly isSettled: boolean;
  readonly manifests: ManifestFile;
  /** Set if the file exceeded a limit: this version is not read again before that time. */
  readonly costly?: { readonly failures: number; readonly retryAt: number };
  /** Since when the file has been missing, which is not accepted yet. */
  readonly missingSince?: Moment;
}

// Two writes within one tick of the kernel's clock have the same time. After this delay a write gets a later one.
const settledMs = 1_000;

/** Each file is checked after every change of the directory. */
const mostFiles = 10_000;
const goodContents = 'its last good contents stay in force';

// The machine may have been slow.
const costlyPatience = { firstMs: 60_000, maxMs: 3_600_000 };

// Number of passes if the directory changes while it is read.
const mostPasses = 3;

/**
 * Keeps `previous` for files that cannot be read. An object that moved to another file or a renamed file must not look
 * deleted, so everything that changes during a scan is read again, and while it keeps changing no file counts as
 * missing.
 */
export async function scanDirectory(
  directory: string,
  previous: Scan,
  options: ManifestReaderOptions,
): Promise<Scan> {
  using reader = new ManifestReader(options);
  let files = previous.files;
  for (let pass = 0; pass < mostPasses; pass++) {
    const names = await manifestNames(directory);
    if (!Array.isArray(names)) return { files: previous.files, problem: names };
    const known = new Map([...previous.files, ...files]);
    const found = new Map<string, ScannedFile>();
    for (const name of names) {
      if (options.signal.aborted) return previous;
      const file = await scanFile(join(directory, name), known.get(name), reader);
      if (file !== undefined) found.set(name, file);
    }
    files = found;
    if (hasSameFiles(files, previous.files) || (await isStill(directory, names, files))) {
      return { files };
    }
  }
  return { files: new Map([...previous.files, ...files]) };
}

/** Sorted by name. */
async function manifestNames(directory: string): Promise<string[] | SourceProblem> {
  try {
    const names = (await readdir(directory)).filter(isManifest).sort();
    if (names.length <= mostFiles) return names;
    const text = `directory ${directory}: has ${names.length} manifests, more than ${mostFiles}`;
    return { subject: directory, text, consequence: goodContents };
  } catch (error) {
    const text = `directory ${directory}: ${errorText(error)}`;
    return { subject: directory, text, consequence: goodContents };
  }
}

type Files = Scan['files'];

function hasSameFiles(left: Files, right: Files): boolean {
  return left.size === right.size && [...left].every(([name, file]) => right.get(name) === file);
}

// Whether the directory was the same before the first and after the last file was read, so that all files existed
// together.
async function isStill(directory: string, names: string[], files: Files): Promise<boolean> {
  const now = await manifestNames(directory);
  if (!Array.isArray(now) || now.join('/') !== names.join('/')) return false;
  for (const { path, version } of files.values()) {
    if (version === '') continue;
    const status = await stat(path).catch(() => undefined);
    if (status === undefined || versionOf(status) !== version) return false;
  }
  return true;
}

async function scanFile(
  path: string,
  previous: ScannedFile | undefined,
  reader: ManifestReader,
): Promise<ScannedFile | undefined> {
  let seen = { path, version: '', identity: '', versionSeenAt: moment(), isSettled: false };
  try {
    const before = await stat(path);
    if (!before.isFile()) throw new Error(noFile);
    const identity = identityOf(before);
    const version = versionOf(before);
    const known = previous?.version === version ? previous : undefined;
    if (known?.isSettled === true || isTooSoon(known)) return known;
    const versionSeenAt = known?.versionSeenAt ?? moment();
    // The second condition handles a wall clock that was set back, when the file's time is in the future.
    const isSettled =
      Date.now() - before.ctimeMs > settledMs || moment() - versionSeenAt > settledMs;
    seen = { path, version, identity, versionSeenAt, isSettled };
    const manifests = await reader.read(path, await manifestBytes(path), previous?.manifests);
    return { ...seen, manifests };
  } catch (error) {
    if (isMissing(error) && (await isGone(path))) return undefined;
    const manifests = brokenFile(path, `${path}: ${errorText(error)}`, previous?.manifests);
    const again = { ...seen, isSettled: false, manifests };
    if (!(error instanceof CostlyFileError)) return { ...again, version: '' };
    const before = previous?.version === seen.version ? previous.costly : undefined;
    const failures = (before?.failures ?? 0) + 1;
    const retryAt = moment() + backoffMs(failures, costlyPatience);
    return { ...again, costly: { failures, retryAt } };
  }
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev} ${ino}`;
}

function versionOf(status: Stats): string {
  return `${identityOf(status)} ${status.size} ${status.ctimeMs}`;
}

function isTooSoon(known: ScannedFile | undefined): boolean {
  return known?.costly !== undefined && moment() < known.costly.retryAt;
}

function isManifest(name: string): boolean {
  return !name.startsWith('.') && /\.(ya?ml|json)$/.test(name);
}

// False for a dangling link, because its objects are not known to be deleted, and for a name that is not UTF-8, which
// is read with U+FFFD.
async function isGone(path: string): Promise<boolean> {
  if (path.includes('\ufffd')) return false;
  return await lstat(path).then(() => false, isMissing);
}

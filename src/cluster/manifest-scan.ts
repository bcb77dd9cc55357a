// One look at the directory of manifests: which files are there, and what those say whose inode changed.

import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { backoffMs } from '../base/backoff.ts';
import { type Moment, moment } from '../base/moment.ts';
import { manifestBytes, noFile } from './manifest-bytes.ts';
import { brokenFile, type ManifestFile } from './manifest-file.ts';
import { CostlyFileError, ManifestReader, type ManifestReaderOptions } from './manifest-reader.ts';
import type { SourceProblem } from './state.ts';

export interface Scan {
  /** By file name. */
  readonly files: ReadonlyMap<string, ScannedFile>;
  /** Set when the directory itself could not be read; `files` is then what it held before. */
  readonly problem?: SourceProblem | undefined;
  /** The folder has no object, which is not believed yet. */
  readonly doubt?: SourceProblem | undefined;
  readonly emptySince?: Moment | undefined;
  /** When something that is doubted now may be believed. */
  readonly doubtedUntil?: Moment | undefined;
}

export interface ScannedFile {
  readonly path: string;
  /** Changes whenever the content may have. */
  readonly version: string;
  /** Device and inode: another one is another file in its place. */
  readonly identity: string;
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
const goodContents = 'its last good contents stay in force';

// It may have been the machine that was slow.
const costlyPatience = { firstMs: 60_000, maxMs: 3_600_000 };

/** Keeps `previous` of what cannot be read. */
export async function scanDirectory(
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
  let seen = { path, version: '', identity: '', versionSeenAt: moment(), isSettled: false };
  try {
    const before = await stat(path);
    if (!before.isFile()) throw new Error(noFile);
    const identity = `${before.dev} ${before.ino}`;
    const version = `${identity} ${before.size} ${before.ctimeMs}`;
    const known = previous?.version === version ? previous : undefined;
    if (known?.isSettled === true || isTooSoon(known)) return known;
    const versionSeenAt = known?.versionSeenAt ?? moment();
    // The second is for a wall clock that was set back: then the file lies in the future.
    const isSettled =
      Date.now() - before.ctimeMs > settledMs || moment() - versionSeenAt > settledMs;
    seen = { path, version, identity, versionSeenAt, isSettled };
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

// Writes files completely or not at all, as seen by every reader.

import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, isMissing } from './errors.ts';

const ownMode = 0o600;

/** The name of a half-written file, which stays if the process is killed. */
export function temporaryOf(file: string): string {
  return `${file}.tmp`;
}

/** Removes the half-written `file` of a killed process. Errors of the file system are ignored. */
export function discardHalfWritten(file: string): void {
  try {
    rmSync(temporaryOf(file), { force: true });
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

export interface ReplaceOptions {
  /** 0600 unless given; the umask takes nothing from it. */
  readonly mode?: number;
  /** The file survives a power cut: it and its name are on the disk before this returns. */
  readonly sync?: boolean;
  /** Path of the file until it is complete, in the same folder; `temporaryOf` it unless given. */
  readonly temporary?: string;
}

/**
 * Never follows a link that another user has put in its place. Throws the error of the file system; the file is then
 * unchanged.
 */
export function replaceFile(
  file: string,
  content: string | Uint8Array,
  { mode = ownMode, sync = false, temporary = temporaryOf(file) }: ReplaceOptions = {},
): void {
  const fd = openNew(temporary);
  try {
    try {
      writeFileSync(fd, content);
      if (mode !== ownMode) fchmodSync(fd, mode);
      if (sync) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (sync) syncFolder(dirname(file));
}

export interface InPlace {
  /** The file's content now. */
  readonly before: string;
  readonly text: string;
}

/**
 * Overwrites a file by one write into its page: completely or not at all, even if this process is killed, and without a
 * second file. Follows links. False: the content does not cover the old one or is longer than a page, the file is
 * missing, or the write was incomplete. Throws the error of the file system.
 */
export function overwriteFile(file: string, { before, text }: InPlace): boolean {
  const bytes = Buffer.from(text);
  const pageBytes = 4096;
  if (before === '' || Buffer.byteLength(before) > bytes.length || bytes.length > pageBytes) {
    return false;
  }
  try {
    const fd = openSync(file, 'r+');
    try {
      return writeSync(fd, bytes, 0, bytes.length, 0) === bytes.length;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

// Removes what an earlier process left at the path, or another user has put there.
function openNew(path: string): number {
  try {
    return openSync(path, 'wx', ownMode);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    rmSync(path, { force: true });
    return openSync(path, 'wx', ownMode);
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

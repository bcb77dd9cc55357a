// Replaces a file completely or not at all, and never follows a link that another user has put in its place.

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { errorCode } from './errors.ts';

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

/** Writes with mode 0600. Throws the error of the file system; the file is then unchanged. */
export function replaceFile(file: string, content: string | Uint8Array): void {
  const temporary = temporaryOf(file);
  rmSync(temporary, { force: true });
  writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' });
  try {
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

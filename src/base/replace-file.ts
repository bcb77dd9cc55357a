// Replaces a file completely or not at all, and never follows a link that another user has put in its place.

import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** Writes with mode 0600. Throws the error of the file system; the file is then unchanged. */
export function replaceFile(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.tmp`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' });
  try {
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

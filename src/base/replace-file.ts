// A file as a whole or not at all, and never through a link that another user has put in its place.

import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** With mode 0600. Throws what the file system says; then the file is as it was. */
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

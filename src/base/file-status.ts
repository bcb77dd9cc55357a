// Checks a path that other processes may change at any time.

import { type Stats, statSync } from 'node:fs';

/**
 * Undefined if there is no file, or stat(2) fails with any other errno. The option `throwIfNoEntry: false` of Node.js covers
 * ENOENT alone, but not a file in the place of a folder (ENOTDIR), a link to itself (ELOOP) or a faulty disk (EIO). A caller
 * that then opens or replaces the file gets the reason from that call.
 */
export function fileStatus(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

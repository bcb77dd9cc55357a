// Removes the agent's state and socket by name, not whole folders: a mistyped path must not cost the user files, or a
// process its socket.

import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { attemptRemoval, type ReportRefusal } from '../../base/attempt-removal.ts';
import { errorCode } from '../../base/errors.ts';
import type { AgentConfig } from '../../config/schema.ts';
import { stateNames, temporaryStateNames } from '../process/lock.ts';
import { removeLeftSockets } from '../server/socket-file.ts';

/** Returns the number of removed files. */
export async function removeFiles(
  { stateDir, socket }: Pick<AgentConfig, 'stateDir' | 'socket'>,
  refused: ReportRefusal,
): Promise<number> {
  const sockets = await removeLeftSockets(socket, refused);
  const removed = [...temporaryStateNames, ...stateNames].filter((name) => {
    const file = join(stateDir, name);
    const isTemporary = temporaryStateNames.includes(name);
    return attemptRemoval(file, refused, () => removeFile(file, isTemporary));
  });
  for (const folder of [stateDir, dirname(socket)]) removeIfEmpty(folder, refused);
  return removed.length + sockets;
}

// False: it did not exist. A folder with the name of a temporary file is not ours.
function removeFile(file: string, isTemporary: boolean): boolean {
  const present = lstatSync(file, { throwIfNoEntry: false });
  if (present === undefined || (isTemporary && present.isDirectory())) return false;
  rmSync(file, { recursive: true });
  return true;
}

// In the container of `uninstall.yaml` it is a mount point in a read-only root.
const stays: readonly string[] = ['ENOENT', 'ENOTEMPTY', 'EBUSY', 'EROFS'];

/** Leaves a folder that has contents or is a mount point. */
export function removeIfEmpty(folder: string, refused: ReportRefusal): void {
  attemptRemoval(folder, refused, () => {
    try {
      if (readdirSync(folder).length === 0) rmdirSync(folder);
    } catch (error) {
      if (!stays.includes(errorCode(error) ?? '')) throw error;
    }
  });
}

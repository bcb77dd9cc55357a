// Folders that only the agent may write to: another user with access could replace its records, its lock or its socket.

import { chmodSync, chownSync, mkdirSync, readdirSync, type Stats, statSync } from 'node:fs';
import { InputError } from './input-error.ts';

/**
 * Creates the folder if it is missing. If it belongs to another user or others may write to it, ownership and mode are
 * corrected, because everything in it belongs to the agent. `names` are the files an agent has there: a folder that has
 * contents but none of these is a mistyped path, a home or /tmp, and is refused and not changed. Returns a sentence
 * about the correction. Throws InputError naming `object` if the folder cannot be used.
 */
export function ownFolder(
  object: string,
  folder: string,
  names?: readonly string[],
): string | undefined {
  return asInput(object, folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stats = statSync(folder);
    const wrong = openTo(stats);
    if (wrong === undefined) return undefined;
    if (names !== undefined && isAnothers(folder, names)) {
      const rule = `${wrong}, and none of the files in it belong to an agent: configure a folder only for the agent`;
      throw new InputError({ object, value: folder, rule });
    }
    if (stats.uid !== process.geteuid?.()) chownSync(folder, process.geteuid?.() ?? 0, stats.gid);
    chmodSync(folder, 0o700);
    return `${object}: ${folder} ${wrong}: changed to root only (mode 0700)`;
  });
}

function isAnothers(folder: string, names: readonly string[]): boolean {
  const present = readdirSync(folder);
  return present.length > 0 && !present.some((name) => names.includes(name));
}

/**
 * Creates the folder, readable by all, if it is missing. It may hold files of others (/run), so a folder that others
 * may write to is refused, not changed; a sticky one (/tmp) is accepted. Throws InputError naming `object`.
 */
export function sharedFolder(object: string, folder: string): void {
  asInput(object, folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const stats = statSync(folder);
    const wrong = openTo(stats);
    if (wrong === undefined || isStickyOfRoot(stats)) return;
    const remedy = `chown root ${folder}; chmod go-w ${folder}`;
    throw new InputError({ object, value: folder, rule: `${wrong}: ${remedy}` });
  });
}

/** Describes who else has access. A folder owned by root counts as the agent's own. */
function openTo({ uid, mode }: Stats): string | undefined {
  if (uid !== 0 && uid !== process.geteuid?.()) return `belongs to user ${uid}`;
  if ((mode & 0o022) !== 0) return `is writable by others (mode ${octal(mode)})`;
  return undefined;
}

function isStickyOfRoot({ uid, mode }: Stats): boolean {
  return uid === 0 && (mode & 0o1000) !== 0;
}

function octal(mode: number): string {
  return `0${(mode & 0o7777).toString(8)}`;
}

function asInput<Result>(object: string, value: string, body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || error instanceof InputError) throw error;
    const rule =
      code === 'EEXIST' || code === 'ENOTDIR' ? 'is not a folder' : `cannot be used (${code})`;
    throw new InputError({ object, value, rule }, { cause: error });
  }
}

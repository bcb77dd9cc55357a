// A folder of the agent's own, which no other user may write to: who could would replace its records, its lock or its socket.

import { chmodSync, chownSync, mkdirSync, readdirSync, type Stats, statSync } from 'node:fs';
import { InputError } from './input-error.ts';

/**
 * Makes the folder when it is missing. One that belongs to another user, or that others may write to, is taken back: all in it
 * is the agent's. `names` are what the agent has there: a folder that holds something and none of them is a mistyped path, a home
 * or /tmp, which is refused and not changed. Returns what was put right, in words. Throws InputError naming `object` when that
 * cannot be done.
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
      const rule = `${wrong}, and nothing in it is an agent's: give the agent a folder of its own`;
      throw new InputError({ object, value: folder, rule });
    }
    if (stats.uid !== process.geteuid?.()) chownSync(folder, process.geteuid?.() ?? 0, stats.gid);
    chmodSync(folder, 0o700);
    return `${object}: ${folder} ${wrong}: taken back (mode 0700)`;
  });
}

function isAnothers(folder: string, names: readonly string[]): boolean {
  const present = readdirSync(folder);
  return present.length > 0 && !present.some((name) => names.includes(name));
}

/**
 * Makes the folder, readable by all, when it is missing. It may hold what is not the agent's (/run), so that one which others
 * may write to is refused, not changed; a sticky one (/tmp) will do. Throws InputError naming `object`.
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

/** Whom else it is open to, in words. Another user's root-owned folder is as good as our own. */
function openTo({ uid, mode }: Stats): string | undefined {
  if (uid !== 0 && uid !== process.geteuid?.()) return `belongs to user ${uid}`;
  if ((mode & 0o022) !== 0) return `can be written by others (mode ${octal(mode)})`;
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

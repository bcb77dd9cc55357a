// What kernel parameters were before we changed them, on disk, so that removing us puts them back.

import { existsSync, readFileSync } from 'node:fs';
import { replaceFile } from '../base/replace-file.ts';
import type { SysctlMemory } from '../datapath/host/sysctls.ts';
import type { SysctlName } from '../kernel/sysctl.ts';

export interface KeptSysctlMemory extends SysctlMemory {
  all(): ReadonlyMap<SysctlName, string>;
  /** Writes the file where it is missing or the disk did not take it before. Throws what the file system says. */
  keep(): void;
}

/**
 * Reads the file at once; a missing or broken one is an empty memory. What the disk does not take is written by `keep`: pods do
 * not wait for it.
 */
export function sysctlMemory(file: string): KeptSysctlMemory {
  const values = read(file);
  let isSaved = true;
  const save = (): void => {
    isSaved = false;
    replaceFile(file, `${JSON.stringify(Object.fromEntries(values), undefined, 2)}\n`);
    isSaved = true;
  };
  return {
    remember(name, value) {
      if (values.has(name)) return;
      values.set(name, value);
      try {
        save();
      } catch {
        // `keep` says why.
      }
    },
    recall: (name) => values.get(name),
    all: () => values,
    keep() {
      if (isSaved && (values.size === 0 || existsSync(file))) return;
      save();
    },
  };
}

function read(file: string): Map<SysctlName, string> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return new Map();
    return new Map(
      Object.entries(parsed).flatMap(([name, value]) =>
        typeof value === 'string' && isOfNetwork(name) ? [[name, value] as const] : [],
      ),
    );
  } catch {
    return new Map();
  }
}

// Whatever wrote the file: no parameter's value goes into another file, below /proc/sys or anywhere.
function isOfNetwork(name: string): boolean {
  return name.startsWith('net/') && !name.split('/').includes('..');
}

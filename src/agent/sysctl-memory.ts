// Values of kernel parameters before heddle changed them, on disk, so that uninstalling restores them.

import { existsSync, readFileSync } from 'node:fs';
import { replaceFile } from '../base/replace-file.ts';
import type { SysctlMemory } from '../datapath/host/sysctls.ts';
import type { SysctlName } from '../kernel/sysctl.ts';

export interface KeptSysctlMemory extends SysctlMemory {
  all(): ReadonlyMap<SysctlName, string>;
  /** Writes the file if it is missing or could not be written before. Throws the error of the file system. */
  keep(): void;
}

/**
 * Reads the file immediately; a missing or invalid one is an empty memory. If the disk refuses a write, `keep` repeats
 * it, and pods do not wait for it.
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
        // `keep` reports the reason.
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

// Whoever wrote the file, values are written only to network parameters, never to other files below /proc/sys or
// elsewhere.
function isOfNetwork(name: string): boolean {
  return name.startsWith('net/') && !name.split('/').includes('..');
}

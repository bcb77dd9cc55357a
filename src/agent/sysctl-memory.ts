// What kernel parameters were before we changed them, on disk, so that removing us puts them back.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { SysctlMemory } from '../datapath/tables/sysctls.ts';
import type { SysctlName } from '../kernel/sysctl.ts';

/** Reads the file at once; a missing or broken one is an empty memory. */
export function sysctlMemory(
  file: string,
): SysctlMemory & { all(): ReadonlyMap<SysctlName, string> } {
  const values = read(file);
  return {
    remember(name, value) {
      if (values.has(name)) return;
      values.set(name, value);
      writeFileSync(`${file}.tmp`, `${JSON.stringify(Object.fromEntries(values), undefined, 2)}\n`);
      renameSync(`${file}.tmp`, file);
    },
    recall: (name) => values.get(name),
    all: () => values,
  };
}

function read(file: string): Map<SysctlName, string> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return new Map();
    return new Map(
      Object.entries(parsed).flatMap(([name, value]) =>
        typeof value === 'string' ? [[name, value] as const] : [],
      ),
    );
  } catch {
    return new Map();
  }
}

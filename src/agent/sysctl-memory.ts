// Values of kernel parameters before heddle changed them, on disk, so that uninstalling restores them. A reboot and a
// new network namespace reset every parameter: only values of this boot and this namespace are restored.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { replaceFile } from '../base/replace-file.ts';
import type { SysctlMemory } from '../datapath/host/sysctls.ts';
import type { SysctlName } from '../kernel/sysctl.ts';

export interface KeptSysctlMemory extends SysctlMemory {
  all(): ReadonlyMap<SysctlName, string>;
  /** Writes the file if it is missing or could not be written before. Throws the error of the file system. */
  keep(): void;
}

/** The kernel's lifetime of the parameters. */
export interface Boot {
  /** Changes with each boot and each network namespace. */
  readonly id: string;
  /** By the wall clock. */
  readonly sinceMs: number;
}

/**
 * Reads the file immediately; a missing or invalid one, and one of another boot, is an empty memory. If the disk refuses a
 * write, `keep` repeats it, and pods do not wait for it. `boot`: the current one, of the calling thread's namespace, unless given.
 */
export function sysctlMemory(file: string, boot: Boot = currentBoot()): KeptSysctlMemory {
  const values = read(file, boot);
  let isSaved = true;
  const save = (): void => {
    isSaved = false;
    const content = { [bootField]: boot.id, ...Object.fromEntries(values) };
    replaceFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
    isSaved = true;
  };
  const trySave = (): void => {
    try {
      save();
    } catch {
      // `keep` reports the reason.
    }
  };
  return {
    remember(name, value) {
      if (values.has(name)) return;
      values.set(name, value);
      trySave();
    },
    recall: (name) => values.get(name),
    forget(name) {
      if (values.delete(name)) trySave();
    },
    all: () => values,
    keep() {
      if (isSaved && (values.size === 0 || existsSync(file))) return;
      save();
    },
  };
}

// Among the parameters, where earlier versions ignore it.
const bootField = 'boot';

function read(file: string, boot: Boot): Map<SysctlName, string> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return new Map();
    const { [bootField]: written, ...values } = parsed as Readonly<Record<string, unknown>>;
    if (!(written === undefined ? isSince(file, boot) : written === boot.id)) return new Map();
    return new Map(
      Object.entries(values).flatMap(([name, value]) =>
        typeof value === 'string' && isOfNetwork(name) ? [[name, value] as const] : [],
      ),
    );
  } catch {
    return new Map();
  }
}

// A file of an earlier version does not name its boot. That version wrote it when a value was added. Values that were
// already there may be older, but an upgrade must not lose those of this boot.
function isSince(file: string, { sinceMs }: Boot): boolean {
  return statSync(file).mtimeMs >= sinceMs;
}

function currentBoot(): Boot {
  const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const { ino } = statSync('/proc/thread-self/ns/net');
  const [, seconds] = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8')) ?? [];
  return { id: `${id} ${ino}`, sinceMs: Number(seconds ?? 0) * 1_000 };
}

// Whoever wrote the file, values are written only to network parameters, never to other files below /proc/sys or
// elsewhere.
function isOfNetwork(name: string): boolean {
  return name.startsWith('net/') && !name.split('/').includes('..');
}

// Kernel parameters the network depends on. Only what is needed: reverse-path filters stay as the administrator has
// them, since every pod and every remote range has a route to where its packets come from, which passes even the strict one.

import { memoize, memoizeLast } from '../../base/memoize.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { readSysctl, type SysctlName, writeSysctl } from '../../kernel/sysctl.ts';
import type { DesiredState, PodRange } from '../../model/desired.ts';
import type { Uplink } from '../../model/host.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import { prefixFamily } from '../../net/prefix.ts';
import type { EntryGroup, Keyed, Table } from '../../reconcile/table.ts';
import { writeEach } from './writes.ts';

export interface SysctlEntry {
  /** Below /proc/sys, with slashes: `net/ipv4/ip_forward`. */
  readonly name: SysctlName;
  readonly value: string;
  /** Values that serve as well and are left alone. */
  readonly alsoFine: readonly string[];
}

/** What a parameter was before we changed it, kept by the agent across restarts for the day we are removed. */
export interface SysctlMemory {
  /** The first value of a name counts; later ones are our own. */
  remember(name: SysctlName, value: string): void;
  recall(name: SysctlName): string | undefined;
}

export function sysctlEntries(desired: DesiredState): readonly EntryGroup<SysctlEntry>[] {
  const { podRanges, strayAddresses, uplinks } = desired;
  return [entries(podRanges, strayAddresses)(uplinks)];
}

const entries = memoizeLast((podRanges: readonly PodRange[], strays: readonly Address[]) =>
  memoize((uplinks: readonly Uplink[]): EntryGroup<SysctlEntry> => {
    // Also for pods of before, where the Node object is gone or has other ranges now.
    const families = new Set([
      ...podRanges.map(({ prefix }) => prefixFamily(prefix)),
      ...strays.map(addressFamily),
    ]);
    const ipv4 = families.has(4) ? [forward('net/ipv4/ip_forward')] : [];
    const ipv6 = families.has(6)
      ? [...acceptRa(uplinks), forward('net/ipv6/conf/all/forwarding')]
      : [];
    return [...ipv4, ...ipv6];
  }),
);

function forward(name: SysctlName): Keyed<SysctlEntry> {
  return [name, { name, value: '1', alsoFine: [] }];
}

// With forwarding on, the kernel takes no router advertisements (1) unless told to all the same (2), and a node that
// got its default route from one would lose it. Set before forwarding. 0 means that it never took any.
function acceptRa(uplinks: readonly Uplink[]): EntryGroup<SysctlEntry> {
  return uplinks
    .filter(({ addresses }) => addresses.some(({ address }) => addressFamily(address) === 6))
    .map(({ name: uplink }) => {
      const name = `net/ipv6/conf/${uplink}/accept_ra`;
      return [name, { name, value: '2', alsoFine: ['0'] }];
    });
}

/** Works on the network namespace of the calling thread. Nothing marks a parameter as ours, so only desired ones are listed. */
export function sysctlTable(memory: SysctlMemory): Table<SysctlEntry> {
  const key = ({ name }: SysctlEntry): string => name;
  return {
    name: 'sysctls',
    key,
    equal: (left, right) => left.value === right.value,
    list: (desired) =>
      new Map(
        Array.from(desired, ([name, entry]) => [name, present(entry)] as const).flatMap(
          ([name, entry]) => (entry === undefined ? [] : [[name, entry] as const]),
        ),
      ),
    set: (wanted) =>
      writeEach(wanted, {
        key,
        write: (entry) => {
          const current = readSysctl(entry.name);
          if (current === entry.value || entry.alsoFine.includes(current)) return;
          memory.remember(entry.name, current);
          writeSysctl(entry.name, entry.value);
        },
      }),
    // Back to what it was. ENOENT: it went with its interface.
    delete: (surplus) =>
      writeEach(surplus, {
        key,
        ignored: ['ENOENT'],
        write: ({ name }) => {
          const before = memory.recall(name);
          if (before !== undefined) writeSysctl(name, before);
        },
      }),
  };
}

function present(entry: SysctlEntry): SysctlEntry | undefined {
  try {
    const value = readSysctl(entry.name);
    return entry.alsoFine.includes(value) ? entry : { ...entry, value };
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

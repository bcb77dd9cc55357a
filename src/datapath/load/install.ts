// Loads an object and pins its maps and programs. Pinned maps that fit are kept. One that does not is replaced: a new map
// is filled from it (entries.ts) and takes its pin. One without a pin is created empty, and the first settle fills it.
//
// Packets flow meanwhile: links hold their programs, and those hold the old maps, until datapath/attach/links.ts replaces
// the program of each link atomically. By then the first settle has updated endpoints, addresses and routes in the new
// maps (attachments are the last of its tables). Packets counted by the old programs in between are lost, and a flow that
// they open is opened again by the new ones.

import { createHash } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { UndoStack } from '../../base/undo.ts';
import { bpfChecked, descriptorCalls } from '../../kernel/bpf/bpf.ts';
import { Btf } from '../../kernel/bpf/btf.ts';
import { BpfObject, type ObjectMap } from '../../kernel/bpf/object.ts';
import { loadConntrack } from '../../kernel/netfilter/conntrack.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { type ConstantName, programNames } from '../generated.ts';
import { carryEntries } from './entries.ts';
import { isUnusedMap, type MapSizes, maxEntries } from './map-set.ts';
import { type PinnedMap, pinnedMaps, usePinned } from './pinned.ts';
import { type PinPaths, pinNames, unpin, unpinFolder } from './pins.ts';

/** Omitted constants keep the object's value. */
export type Constants = Readonly<Partial<Record<ConstantName, number>>>;

export interface DatapathInstallOptions {
  /** The compiled data path. */
  readonly object: Uint8Array;
  readonly sizes: MapSizes;
  /** See `maxEntries`. */
  readonly services?: boolean | undefined;
  readonly constants: Constants;
}

export interface Installed {
  readonly objectHash: string;
  readonly adopted: boolean;
  readonly replaced: readonly string[];
}

/**
 * Throws the errors of `loadDatapath`. If it is interrupted at any point, the next start loads again and completes it.
 */
export function installObject(options: DatapathInstallOptions, paths: PinPaths): Installed {
  const objectHash = hashOf(options);
  using held = new UndoStack();
  const object = held.use(BpfObject.open(options.object, { name: 'heddle' }));
  for (const [name, value] of Object.entries(options.constants)) object.setConstant(name, value);
  const entriesOf = maxEntries(options.sizes, options.services);
  for (const [name, entries] of entriesOf) object.setMaxEntries(name, entries);
  const wanted = object.maps.filter(({ name }) => !name.includes('.'));
  const pinned = pinnedMaps({ paths, wanted, btf: Btf.fromObject(options.object), held });
  const misfits = pinned.filter(({ difference }) => difference !== undefined);
  const adopted =
    misfits.length === 0 &&
    pinned.length === wanted.length &&
    usePinned(paths.programs(objectHash), programNames, pinned);
  if (adopted) return { objectHash, adopted, replaced: [] };
  for (const map of pinned) if (!misfits.includes(map)) object.reuseMap(map.name, map.fd);
  haveConntrackLoaded();
  object.load();
  const replaced = pinMaps({ object, wanted, pinned, misfits, paths });
  pinPrograms(object, paths.programs(objectHash));
  return { objectHash, adopted, replaced };
}

/** The programs use it; types of a module that is not loaded yet would be missing from the kernel's types. */
function haveConntrackLoaded(): void {
  using socket = NetlinkSocket.open({ family: 'netfilter' });
  loadConntrack(socket);
}

interface MapPlan {
  /** Loaded. */
  readonly object: BpfObject;
  readonly wanted: readonly ObjectMap[];
  readonly pinned: readonly PinnedMap[];
  /** Pinned maps that must be replaced. */
  readonly misfits: readonly PinnedMap[];
  readonly paths: PinPaths;
}

// Programs loaded with the old maps must not be adopted with the new ones: their pins are removed first.
function pinMaps({ object, wanted, pinned, misfits, paths }: MapPlan): string[] {
  const known = new Set(pinned.map(({ name }) => name));
  const missing = wanted.filter(({ name }) => !known.has(name));
  for (const { name } of missing) pinMap(object, name, paths.map(name));
  const toldMissing =
    pinned.length === 0 ? [] : missing.map(({ name }) => `${name}: was not pinned, created again`);
  const told = misfits.map((old) => {
    const draft = paths.map(`${old.name}-new`);
    unpin(draft);
    const { maxEntries: room = 0 } = wanted.find(({ name }) => name === old.name) ?? {};
    const count = pinMap(object, old.name, draft, isUnusedMap(old.name, room) ? undefined : old);
    return `${old.name}: ${old.difference}, ${count} entries carried over`;
  });
  if (misfits.length > 0) {
    for (const name of pinNames(paths.allPrograms)) unpinFolder(join(paths.allPrograms, name));
  }
  for (const { name } of misfits) renameSync(paths.map(`${name}-new`), paths.map(name));
  return [...toldMissing, ...told];
}

/** Number of entries copied from `old`. */
function pinMap(object: BpfObject, name: string, path: string, old?: PinnedMap): number {
  const fd = object.mapDescriptor(name);
  try {
    const count = old === undefined ? 0 : carryEntries(old.fd, fd);
    bpfChecked(descriptorCalls.pin(fd, path), { call: 'bpf map pin', subject: path });
    return count;
  } finally {
    descriptorCalls.close(fd);
  }
}

function pinPrograms(object: BpfObject, folder: string): void {
  // A folder of an earlier, interrupted start.
  unpinFolder(folder);
  mkdirSync(folder, { mode: 0o700 });
  for (const name of programNames) {
    using program = object.program(name);
    program.pin(join(folder, name));
  }
}

function hashOf({ object, constants, sizes, services }: DatapathInstallOptions): string {
  const hash = createHash('sha256')
    .update(object)
    .update(JSON.stringify([constants, [...maxEntries(sizes, services)]]));
  return hash.digest('hex').slice(0, 12);
}

// Compares the maps pinned by an earlier load with those of an object: which can be used unchanged, and which must be
// replaced because the configured size or the layout in bpf/shared.h has changed.

import { join } from 'node:path';
import { InputError } from '../../base/input-error.ts';
import type { UndoStack } from '../../base/undo.ts';
import { bpfChecked } from '../../kernel/bpf/bpf.ts';
import type { Btf } from '../../kernel/bpf/btf.ts';
import { mapCalls } from '../../kernel/bpf/map-calls.ts';
import { mapLayout, type TypeLayout, typeLayout } from '../../kernel/bpf/map-layout.ts';
import { mapTypeFromNumber } from '../../kernel/bpf/map-type.ts';
import type { ObjectMap } from '../../kernel/bpf/object.ts';
import { BpfProgram } from '../../kernel/bpf/program.ts';
import { entryCount, highestField } from './entries.ts';
import { configurationKeys, isUnusedMap } from './map-set.ts';
import { isPin, type PinPaths, unpin } from './pins.ts';

export interface PinnedMap {
  readonly name: string;
  readonly fd: number;
  /** Why it must be replaced; undefined: it fits. */
  readonly difference: string | undefined;
}

export interface PinnedMapsOptions {
  readonly paths: PinPaths;
  /** The object's maps with their configured sizes. */
  readonly wanted: readonly ObjectMap[];
  /** BTF of the object. */
  readonly btf: Btf;
  /** Receives the descriptors. */
  readonly held: UndoStack;
}

/**
 * The object's maps that are pinned. Throws InputError if a configured size is too small for the entries in use,
 * KernelError if a pin cannot be opened.
 */
export function pinnedMaps({ paths, wanted, btf, held }: PinnedMapsOptions): readonly PinnedMap[] {
  return wanted.flatMap((map) => {
    const path = paths.map(map.name);
    if (!isPin(path)) {
      unpin(path);
      return [];
    }
    const fd = mapCalls.openPinned(path);
    bpfChecked(fd, { call: 'bpf map open', subject: path });
    held.push(() => mapCalls.close(fd));
    demandRoom(fd, map);
    return [{ name: map.name, fd, difference: differenceOf(fd, map, btf) }];
  });
}

/**
 * Whether each of these programs is pinned under its name in this folder and works with these maps. They do not if a
 * map was pinned after them: another process had deleted its pin, or a start was interrupted.
 */
export function usePinned(
  folder: string,
  names: readonly string[],
  pinned: readonly PinnedMap[],
): boolean {
  if (!names.every((name) => isPin(join(folder, name)))) return false;
  const used = new Set<number>();
  for (const name of names) {
    using program = BpfProgram.openPinned(join(folder, name));
    if (program.name !== name) return false;
    for (const id of program.mapIds()) used.add(id);
  }
  return pinned.every(({ fd }) => used.has(mapCalls.info(fd).id));
}

function differenceOf(fd: number, wanted: ObjectMap, btf: Btf): string | undefined {
  const found = mapCalls.info(fd);
  const type = mapTypeFromNumber(found.typeNumber);
  if (type !== wanted.type) return `${type} -> ${wanted.type}`;
  if (found.maxEntries !== wanted.maxEntries) {
    return `${found.maxEntries} -> ${wanted.maxEntries} entries`;
  }
  if (found.keySize !== wanted.keySize) return `key ${found.keySize} -> ${wanted.keySize} bytes`;
  if (found.valueSize !== wanted.valueSize) {
    return `value ${found.valueSize} -> ${wanted.valueSize} bytes`;
  }
  const layout = mapLayout(fd);
  if (layout === undefined) return undefined;
  if (!isSame(layout.key, btf)) return 'other fields in its key';
  return isSame(layout.value, btf) ? undefined : 'other fields in its value';
}

/** Whether the object's struct of that name has the same fields. */
function isSame({ name, fields }: TypeLayout, btf: Btf): boolean {
  if (name === '') return true;
  const identifier = btf.types.findIndex((type) => type.kind === 'struct' && type.name === name);
  if (identifier < 0) return false;
  return JSON.stringify(typeLayout(btf, identifier).fields) === JSON.stringify(fields);
}

/** Entries in use must fit; a flow table may evict, and an array's slots always exist. */
function demandRoom(fd: number, { name, type, maxEntries }: ObjectMap): void {
  if ((type !== 'hash' && type !== 'lpm_trie') || isUnusedMap(name, maxEntries)) return;
  if (mapCalls.info(fd).maxEntries <= maxEntries) return;
  const field = configurationKeys.get(name);
  const count = entryCount(fd);
  if (count > maxEntries) throw tooSmall(field, maxEntries, `${count} entries of ${name}`);
  const highest = highestField(fd, 'id');
  if (highest > maxEntries) throw tooSmall(field, maxEntries, `number ${highest} of ${name}`);
}

function tooSmall(field: string | undefined, value: number, what: string): InputError {
  const rule = `is too small for the entries in use: ${what}; keep the size, or remove pods from this node first`;
  return new InputError({ object: 'configuration', field, value, rule });
}

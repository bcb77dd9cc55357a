// Brings the data path into the kernel, or takes over the one that is there. Maps, programs and links are pinned and
// outlive the agent: a restart with the same object and settings loads nothing; another object is loaded beside the
// running one onto the same maps, and each link then changes over in place (attach.ts).

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UndoStack } from '../base/undo.ts';
import type { MapSpec } from '../kernel/map.ts';
import { BpfObject } from '../kernel/object.ts';
import { BpfProgram } from '../kernel/program.ts';
import { type ConstantName, maps, type ProgramName, programNames, rings } from './generated.ts';
import {
  type MapSet,
  type MapSizes,
  maxEntries,
  openMaps,
  openPinnedMap,
  openPinnedRing,
} from './map-set.ts';
import { type PinPaths, pinNames, pinPaths, unpinFolder } from './pins.ts';

export type Constants = Readonly<Record<ConstantName, number>>;

export interface LoadOptions {
  /** In a mounted bpf file system; made when it is missing. */
  readonly pinDir: string;
  /** The compiled data path. */
  readonly object: Uint8Array;
  readonly sizes: MapSizes;
  readonly constants: Constants;
}

export interface Datapath extends Disposable {
  /** First 12 hex digits of the SHA-256 over the object and its constants. */
  readonly objectHash: string;
  /** True: the programs were pinned already and stayed as they were. */
  readonly adopted: boolean;
  readonly loadMs: number;
  readonly paths: PinPaths;
  readonly maps: MapSet;
  program(name: ProgramName): BpfProgram;
}

/** The object that belongs to this build. */
export function readDatapathObject(): Uint8Array {
  return readFileSync(new URL('../../bpf/datapath.bpf.o', import.meta.url));
}

/**
 * Throws KernelError (also when a pinned map has another layout), InputError when the configured sizes differ from those
 * of the running maps. What had been pinned before stays in force then.
 */
export function loadDatapath(options: LoadOptions): Datapath {
  const startedMs = performance.now();
  const paths = pinPaths(options.pinDir);
  const objectHash = hashOf(options);
  const folder = paths.programs(objectHash);
  const present = new Set(pinNames(folder));
  const adopted = programNames.every((name) => present.has(name));
  loadMissing(options, paths, adopted ? undefined : folder);
  const opened = new UndoStack();
  try {
    const programs = new Map(
      programNames.map((name) => [name, opened.use(BpfProgram.openPinned(join(folder, name)))]),
    );
    const mapSet = opened.use(openMaps(paths));
    removeOtherPrograms(paths, objectHash);
    return {
      objectHash,
      adopted,
      loadMs: Math.round(performance.now() - startedMs),
      paths,
      maps: mapSet,
      program: (name) => programs.get(name) as BpfProgram,
      [Symbol.dispose]: () => opened[Symbol.dispose](),
    };
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}

/** Checks every pinned map; loads when `folder` is given, and pins there what was not pinned before. */
function loadMissing(options: LoadOptions, paths: PinPaths, folder: string | undefined): void {
  const sizes = maxEntries(options.sizes);
  using held = new UndoStack();
  const pinned = new Map<string, number>();
  for (const spec of Object.values(maps)) {
    const map = openPinnedMap(paths, spec, sizes.get(spec.name) ?? spec.maxEntries);
    if (map !== undefined) pinned.set(spec.name, held.use(map).fd);
  }
  const ring = openPinnedRing(paths);
  if (ring !== undefined) pinned.set(rings.flowEvents.name, held.use(ring).fd);
  if (folder === undefined) return;
  using object = BpfObject.open(options.object, { name: 'heddle' });
  for (const [name, value] of Object.entries(options.constants)) object.setConstant(name, value);
  for (const [name, entries] of sizes) if (!pinned.has(name)) object.setMaxEntries(name, entries);
  for (const [name, fd] of pinned) object.reuseMap(name, fd);
  object.load();
  pinLoaded(object, { paths, folder, pinned: new Set(pinned.keys()) });
}

interface PinPlan {
  readonly paths: PinPaths;
  readonly folder: string;
  /** Maps that are pinned already. */
  readonly pinned: ReadonlySet<string>;
}

function pinLoaded(object: BpfObject, { paths, folder, pinned }: PinPlan): void {
  for (const spec of Object.values(maps)) {
    if (pinned.has(spec.name)) continue;
    using map = object.map(spec as MapSpec<unknown, unknown>);
    map.pin(paths.map(spec.name));
  }
  if (!pinned.has(rings.flowEvents.name)) {
    using ring = object.ringBuffer(rings.flowEvents);
    ring.pin(paths.map(rings.flowEvents.name));
  }
  // A folder of an earlier start that was cut short.
  unpinFolder(folder);
  mkdirSync(folder, { mode: 0o700 });
  for (const name of programNames) {
    using program = object.program(name);
    program.pin(join(folder, name));
  }
}

/** Links hold their programs themselves: without its pin, an old program lives exactly as long as a link runs it. */
function removeOtherPrograms(paths: PinPaths, objectHash: string): void {
  for (const name of pinNames(paths.allPrograms)) {
    if (name !== objectHash) unpinFolder(join(paths.allPrograms, name));
  }
}

function hashOf({ object, constants }: LoadOptions): string {
  const hash = createHash('sha256').update(object).update(JSON.stringify(constants));
  return hash.digest('hex').slice(0, 12);
}

// Loads the data path into the kernel, or adopts an existing one. Maps, programs and links are pinned and outlive the
// agent: a restart with the same object and settings loads nothing; another object is loaded next to the running one
// (install.ts), and each link then changes over atomically (datapath/attach/links.ts).

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UndoStack } from '../../base/undo.ts';
import { bpfChecked, descriptorCalls } from '../../kernel/bpf/bpf.ts';
import { mapCalls } from '../../kernel/bpf/map-calls.ts';
import { BpfProgram } from '../../kernel/bpf/program.ts';
import { maps, type ProgramName, programNames, rings } from '../generated.ts';
import { type DatapathInstallOptions, installObject } from './install.ts';
import { type MapSet, openMaps } from './map-set.ts';
import { type PinPaths, pinNames, pinPaths, unpinFolder } from './pins.ts';

export interface LoadOptions extends DatapathInstallOptions {
  /** In a mounted bpf file system; created if it is missing. */
  readonly pinDir: string;
}

export interface Datapath extends Disposable {
  /** First 12 hex digits of the SHA-256 over the object, its constants and the sizes of its maps. */
  readonly objectHash: string;
  /** True: the programs were already pinned and were kept. */
  readonly adopted: boolean;
  /** Replaced maps of an earlier load, with reasons. */
  readonly replaced: readonly string[];
  readonly loadMs: number;
  readonly paths: PinPaths;
  readonly maps: MapSet;
  program(name: ProgramName): BpfProgram;
  /**
   * Restores removed pins: the objects work until their last descriptor is closed, and would be lost with this process.
   * Returns the paths. Throws KernelError, and errors of the file system.
   */
  keepPins(): readonly string[];
}

/** The object of this build. */
export function readDatapathObject(): Uint8Array {
  return readFileSync(new URL('../../../bpf/datapath.bpf.o', import.meta.url));
}

/**
 * Throws KernelError, and InputError if a configured size is too small for the entries in use. The pinned state then
 * stays in force.
 */
export function loadDatapath(options: LoadOptions): Datapath {
  const startedMs = performance.now();
  const paths = pinPaths(options.pinDir);
  const { objectHash, adopted, replaced } = installObject(options, paths);
  const folder = paths.programs(objectHash);
  const opened = new UndoStack();
  try {
    const programs = new Map(
      programNames.map((name) => [name, opened.use(BpfProgram.openPinned(join(folder, name)))]),
    );
    const mapSet = opened.use(openMaps(paths));
    const pins = [
      ...[...Object.values(maps), ...Object.values(rings)].map(({ name }) =>
        openPin(paths.map(name), opened),
      ),
      ...[...programs].map(([name, { fd }]) => ({ path: join(folder, name), fd })),
    ];
    removeOtherPrograms(paths, objectHash);
    return {
      objectHash,
      adopted,
      replaced,
      loadMs: Math.round(performance.now() - startedMs),
      paths,
      maps: mapSet,
      program: (name) => programs.get(name) as BpfProgram,
      keepPins: () => keepPins(paths, folder, pins),
      [Symbol.dispose]: () => opened[Symbol.dispose](),
    };
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}

interface Pin {
  readonly path: string;
  readonly fd: number;
}

function openPin(path: string, opened: UndoStack): Pin {
  const fd = bpfChecked(mapCalls.openPinned(path), { call: 'bpf map open', subject: path });
  opened.push(() => mapCalls.close(fd));
  return { path, fd };
}

function keepPins(paths: PinPaths, programs: string, pins: readonly Pin[]): readonly string[] {
  const lost = pins.filter(({ path }) => !existsSync(path));
  // The folder of links has no pins of its own here: attachments maintain them.
  if (lost.length === 0 && existsSync(paths.links)) return [];
  pinPaths(paths.root);
  mkdirSync(programs, { recursive: true, mode: 0o700 });
  for (const { path, fd } of lost) {
    bpfChecked(descriptorCalls.pin(fd, path), { call: 'bpf pin', subject: path });
  }
  return lost.map(({ path }) => path);
}

/** Links hold their programs themselves: without its pin, an old program lives exactly as long as a link runs it. */
function removeOtherPrograms(paths: PinPaths, objectHash: string): void {
  for (const name of pinNames(paths.allPrograms)) {
    if (name !== objectHash) unpinFolder(join(paths.allPrograms, name));
  }
}

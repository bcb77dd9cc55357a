// Brings the data path into the kernel, or takes over the one that is there. Maps, programs and links are pinned and
// outlive the agent: a restart with the same object and settings loads nothing; another object is loaded beside the
// running one (loader-install.ts), and each link then changes over in place (attach.ts).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UndoStack } from '../base/undo.ts';
import { BpfProgram } from '../kernel/program.ts';
import { type ProgramName, programNames } from './generated.ts';
import { type InstallOptions, installObject } from './loader-install.ts';
import { type MapSet, openMaps } from './map-set.ts';
import { type PinPaths, pinNames, pinPaths, unpinFolder } from './pins.ts';

export interface LoadOptions extends InstallOptions {
  /** In a mounted bpf file system; made when it is missing. */
  readonly pinDir: string;
}

export interface Datapath extends Disposable {
  /** First 12 hex digits of the SHA-256 over the object, its constants and the sizes of its maps. */
  readonly objectHash: string;
  /** True: the programs were pinned already and stayed as they were. */
  readonly adopted: boolean;
  /** Maps of an earlier load that were replaced, in words. */
  readonly replaced: readonly string[];
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
 * Throws KernelError, and InputError when a configured size is less than what is in use. What had been pinned before stays
 * in force then.
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
    removeOtherPrograms(paths, objectHash);
    return {
      objectHash,
      adopted,
      replaced,
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

/** Links hold their programs themselves: without its pin, an old program lives exactly as long as a link runs it. */
function removeOtherPrograms(paths: PinPaths, objectHash: string): void {
  for (const name of pinNames(paths.allPrograms)) {
    if (name !== objectHash) unpinFolder(join(paths.allPrograms, name));
  }
}

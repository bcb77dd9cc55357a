// The layers of tests, cheapest first, and which files belong to each.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Layer {
  readonly name: string;
  /** Every `*.test.ts` below these folders belongs to the layer. */
  readonly folders: readonly string[];
  /** A file that takes longer hangs: it is ended and counts as failed. */
  readonly timeoutMs: number;
  /**
   * Number of files that run at once. Layers that load the CPU or share the machine's network state take one at a time.
   */
  readonly parallelFiles: number;
  /**
   * Maximum number of files in one process, 1 by default: only for tests that leave nothing behind in their process.
   */
  readonly filesPerProcess?: number;
  /** Files (words of their paths) that always get their own process. */
  readonly alone?: readonly string[];
  /**
   * Files (words of their paths) whose processes start first: the slowest ones, so that others run at the same time.
   */
  readonly first?: readonly string[];
  /**
   * Groups of files (words of their paths) that share something large: of each group, and of the rest, one file runs at
   * a time.
   */
  readonly groups?: readonly (readonly string[])[];
  /** Not part of `npm test`: the layer has its own command. */
  readonly onlyByName?: true;
}

/** In the order in which they run. `parallel` is the number of processes for the layers that can share the machine. */
export function testLayers(parallel: number): readonly Layer[] {
  return [
    {
      name: 'unit',
      folders: ['src', 'tools', 'bench'],
      timeoutMs: 240_000,
      // Half of the time is waiting: for a process, a thread or a deadline.
      parallelFiles: 2 * parallel,
      // With more files per process, the few files that mostly wait would end last.
      filesPerProcess: 40,
      // They change V8's switches, or start so many processes that others would have to wait.
      alone: ['cli/main.', 'base/memory/nursery.', 'cli/cluster-dump.'],
      first: ['cli/main.', 'cluster/manifest-source.', 'kubernetes/reflector.'],
    },
    { name: 'golden', folders: ['test/scenarios'], timeoutMs: 30_000, parallelFiles: parallel },
    // Starts npm, whose CPU time is that of hundreds of unit tests.
    { name: 'package', folders: ['test/package'], timeoutMs: 60_000, parallelFiles: 1 },
    { name: 'kernel', folders: ['test/kernel'], timeoutMs: 300_000, parallelFiles: 1 },
    { name: 'lab', folders: ['test/lab'], timeoutMs: 600_000, parallelFiles: 1 },
    { name: 'runtime', folders: ['test/runtime'], timeoutMs: 300_000, parallelFiles: 1 },
    {
      name: 'kube',
      folders: ['test/kube'],
      timeoutMs: 900_000,
      parallelFiles: 1,
      // Most of the time is waiting. These files break nodes of their own clusters; the others share two clusters that
      // stay intact.
      ...(parallel > 1 && { groups: [['/install.', '/interruption.', '/nodes.']] }),
      onlyByName: true,
    },
  ];
}

/** The layer's test sources, sorted. Read from the sources, so that the output of a deleted test does not run. */
export function testFiles(layer: Layer): readonly string[] {
  return layer.folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => file.endsWith('.test.ts'))
    .sort();
}

/** The files of one process. */
export type Batch = readonly string[];

/** What runs in parallel: one list per process from which it takes its next files; processes may share a list. */
export function queues(layer: Layer, files: readonly string[]): readonly Batch[][] {
  const { groups = [], parallelFiles } = layer;
  const grouped = groups.map((words) => files.filter((file) => matchesPattern(file, words)));
  const rest = files.filter((file) => !grouped.some((group) => group.includes(file)));
  const shared = batches(layer, rest);
  return [
    ...grouped.map((group) => batches(layer, group)),
    ...Array<Batch[]>(parallelFiles).fill(shared),
  ];
}

function batches(layer: Layer, files: readonly string[]): Batch[] {
  const { alone = [], filesPerProcess = 1, first = [] } = layer;
  const single = files.filter((file) => alone.some((word) => file.includes(word)));
  const others = files.filter((file) => !single.includes(file));
  const count = Math.ceil(others.length / filesPerProcess);
  const size = Math.ceil(others.length / count);
  const all = [
    ...single.map((file) => [file]),
    ...Array.from({ length: count }, (_, index) => others.slice(index * size, (index + 1) * size)),
  ];
  const place = (batch: Batch): number => {
    const index = first.findIndex((word) => batch.some((file) => file.includes(word)));
    return index === -1 ? first.length : index;
  };
  return all.toSorted((left, right) => place(left) - place(right));
}

export interface Selection {
  readonly layers: readonly Layer[];
  readonly patterns: readonly string[];
}

/** Parses `[LAYER...] [PATTERN...]`: no layer means every layer of `npm test`, no pattern means every file. */
export function select(words: readonly string[], layers: readonly Layer[]): Selection {
  const named = layers.filter((layer) => words.includes(layer.name));
  const patterns = words.filter((word) => !layers.some((layer) => layer.name === word));
  const usual = layers.filter((layer) => layer.onlyByName !== true);
  return { layers: named.length === 0 ? usual : named, patterns };
}

export function matchesPattern(file: string, patterns: readonly string[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => file.includes(pattern));
}

// The layers of tests, cheapest first, and which files belong to each.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Layer {
  readonly name: string;
  /** Every `*.test.ts` below these folders belongs to the layer. */
  readonly folders: readonly string[];
  /** A file that takes longer has hung: it is ended and counts as failed. */
  readonly timeoutMs: number;
  /** How many files run at once. Layers that load the CPU or share the machine's network state take one at a time. */
  readonly parallelFiles: number;
  /** At most how many files share a process, 1 by default: those whose tests leave nothing behind in it. */
  readonly filesPerProcess?: number;
  /** Files (words of their paths) that get a process of their own all the same. */
  readonly alone?: readonly string[];
  /** Files (words of their paths) whose processes begin first: those that take longest, which others run beside. */
  readonly first?: readonly string[];
  /** Groups of files (words of their paths) that share something big: one file at a time of each group and of the rest. */
  readonly groups?: readonly (readonly string[])[];
  /** Not among the layers of `npm test`: it has a command of its own. */
  readonly onlyByName?: true;
}

/** In the order in which they run. `parallel` is the number of processes for the layers that can share the machine. */
export function testLayers(parallel: number): readonly Layer[] {
  return [
    {
      name: 'unit',
      folders: ['src', 'tools', 'bench'],
      timeoutMs: 120_000,
      // Half of the time is waiting: for a process, a thread, a deadline.
      parallelFiles: 2 * parallel,
      // More, and the few that wait much would be the last to end.
      filesPerProcess: 40,
      // They turn V8's switches, or start so many processes that others had to wait for them.
      alone: ['cli/main.', 'base/nursery.', 'cli/cluster-dump.'],
      first: ['cli/main.', 'cluster/manifest-source.', 'tools/package.', 'kubernetes/reflector.'],
    },
    { name: 'golden', folders: ['test/scenarios'], timeoutMs: 30_000, parallelFiles: parallel },
    { name: 'kernel', folders: ['test/kernel'], timeoutMs: 300_000, parallelFiles: 1 },
    { name: 'lab', folders: ['test/lab'], timeoutMs: 300_000, parallelFiles: 1 },
    { name: 'runtime', folders: ['test/runtime'], timeoutMs: 300_000, parallelFiles: 1 },
    {
      name: 'kube',
      folders: ['test/kube'],
      timeoutMs: 900_000,
      parallelFiles: 1,
      // Most of it is waiting. These break nodes of clusters that are theirs, the others share two that stay whole.
      ...(parallel > 1 && { groups: [['/install.', '/interruption.', '/nodes.']] }),
      onlyByName: true,
    },
  ];
}

/** The layer's test sources, sorted. Taken from the sources, so that output of a deleted test does not run. */
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

/** What runs side by side: a list for each process to take its next files from; processes may share one. */
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

/** Reads `[LAYER...] [PATTERN...]`: no layer means every layer of `npm test`, no pattern every file. */
export function select(words: readonly string[], layers: readonly Layer[]): Selection {
  const named = layers.filter((layer) => words.includes(layer.name));
  const patterns = words.filter((word) => !layers.some((layer) => layer.name === word));
  const usual = layers.filter((layer) => layer.onlyByName !== true);
  return { layers: named.length === 0 ? usual : named, patterns };
}

export function matchesPattern(file: string, patterns: readonly string[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => file.includes(pattern));
}

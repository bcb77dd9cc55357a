// ClusterSource for a directory of YAML: every .yaml, .yml and .json file directly in it, except hidden ones. Directory
// -> files (read when their inode changed) -> objects -> accepted state -> snapshot. Writers should rename files into
// place; a partially written file is read again after the next event.

import { moment } from '../../base/moment.ts';
import { BoundedProblems } from '../bounded-problems.ts';
import { foldObjects } from '../fold.ts';
import type { ClusterSource } from '../source.ts';
import { type ClusterSnapshot, emptyClusterState, type SourceProblem } from '../state.ts';
import { DirectoryChanges } from './directory-changes.ts';
import { believedScan } from './doubt.ts';
import { duplicateProblem, type FileObject } from './file.ts';
import { type Scan, scanDirectory } from './scan.ts';

export interface ManifestSourceOptions {
  /** Quiet time before the directory is read. Default 50 ms. */
  readonly debounceMs?: number | undefined;
  /** Interval of rescans without events, in case the kernel lost one. Default 5,000 ms. */
  readonly rescanMs?: number | undefined;
  /** Time limit for reading one file. Default 30,000 ms. */
  readonly deadlineMs?: number | undefined;
  /** Name of this node: a file that loses its Node is doubted. */
  readonly node?: string | undefined;
  /** Number of pod ranges to which an earlier agent left routes: a first reading with fewer of them is doubted. */
  readonly heldRanges?: (() => number) | undefined;
  /** How long a file or folder without objects must stay so to be accepted. Default 10,000 ms. */
  readonly doubtMs?: number | undefined;
  /** The same for a file that was written in place and lost some objects. Default 2,000 ms. */
  readonly writingMs?: number | undefined;
}

export function manifestSource(
  directory: string,
  options: ManifestSourceOptions = {},
): ClusterSource {
  const { debounceMs = 50, rescanMs = 5_000, deadlineMs } = options;
  const { node, heldRanges, doubtMs = 10_000, writingMs = 2_000 } = options;
  const doubts = { directory, node, heldRanges, doubtMs, writingMs };
  const asked: ((isAll: boolean) => void)[] = [];
  let hurry = (): void => undefined;
  return {
    name: `directory ${directory}`,
    reread: () =>
      new Promise((resolve) => {
        asked.push(resolve);
        hurry();
      }),
    async *watch(signal) {
      using changes = new DirectoryChanges({ directory, debounceMs, rescanMs, signal });
      let scan: Scan | undefined;
      let snapshot: ClusterSnapshot | undefined;
      hurry = () => changes.hurry();
      while (!signal.aborted) {
        const answered = asked.splice(0);
        changes.rewatch();
        const read = await scanDirectory(directory, scan ?? nothing, { signal, deadlineMs });
        if (signal.aborted) {
          for (const answer of answered) answer(false);
          break;
        }
        scan = believedScan(read, scan, { ...doubts, now: moment() });
        const next = compose(scan, snapshot);
        if (next !== snapshot) {
          snapshot = next;
          yield snapshot;
        }
        const isAll = snapshot?.complete === true && snapshot.problems.length === 0;
        for (const answer of answered) answer(isAll);
        if (asked.length === 0) await changes.next(scan.doubtedUntil);
      }
    },
  };
}

const nothing: Scan = { files: new Map() };

/** Maximum number of problems with text in all files. */
const mostProblems = 1_000;

function compose(scan: Scan, previous: ClusterSnapshot | undefined): ClusterSnapshot {
  const first = new Map<string, FileObject>();
  const found = new BoundedProblems(mostProblems, 'the directory');
  const problem = scan.problem ?? scan.doubt;
  if (problem !== undefined) found.add(problem);
  let complete = problem === undefined || previous?.complete === true;
  for (const { manifests } of scan.files.values()) {
    for (const problem of manifests.problems) found.add(problem);
    complete &&= manifests.complete;
    for (const [id, object] of manifests.objects) {
      const earlier = first.get(id);
      if (earlier === undefined) first.set(id, object);
      else found.add(duplicateProblem(id, object.origin, earlier.origin));
    }
  }
  const objects = Array.from(first.values(), ({ content }) => content);
  const state = foldObjects(objects, previous?.state ?? emptyClusterState);
  const problems = found.all;
  const isSame =
    previous !== undefined &&
    state === previous.state &&
    complete === previous.complete &&
    sameProblems(problems, previous.problems);
  return isSame ? previous : { state, problems, complete };
}

function sameProblems(left: readonly SourceProblem[], right: readonly SourceProblem[]): boolean {
  return (
    left.length === right.length &&
    left.every(
      ({ text, consequence }, index) =>
        text === right[index]?.text && consequence === right[index]?.consequence,
    )
  );
}

// Merges the contents of a file with its previous contents: invalid objects keep their last good version, and unchanged
// objects keep their references.

import { isDeepStrictEqual } from 'node:util';
import { BoundedProblems } from '../bounded-problems.ts';
import { flawConsequence } from '../flawed-node.ts';
import type { ClusterObject } from '../parse-object.ts';
import type { SourceProblem } from '../state.ts';
import { type ReadItem, readItems } from './items.ts';

export interface FileObject {
  /** `demo/pods.yaml, document 3`. */
  readonly origin: string;
  readonly content: ClusterObject;
  /** It never had a flawless version: `content` lacks the unusable values. */
  readonly isFlawed?: true;
}

export interface ManifestFile {
  /** By kind and key: `Pod shop/web-1`. */
  readonly objects: ReadonlyMap<string, FileObject>;
  readonly problems: readonly SourceProblem[];
  /** False while something in it has never been readable, so that an absent object need not be a deleted one. */
  readonly complete: boolean;
}

const fileConsequence = 'the last good version of this file stays in force';
const objectConsequence =
  'the last good version of this object stays in force; everything else in the file was applied';

/** @param path as shown to users */
export function readManifests(path: string, text: string, previous?: ManifestFile): ManifestFile {
  const read = readItems(path, text);
  if (read.kind === 'broken') return brokenFile(path, read.text, previous);
  const merge = new FileMerge(path, previous);
  merge.add(read.items);
  return merge.done();
}

/** The result for a file that cannot be read at all now. */
export function brokenFile(
  path: string,
  text: string,
  previous: ManifestFile | undefined,
): ManifestFile {
  return {
    objects: previous?.objects ?? new Map(),
    problems: [{ subject: path, text, consequence: fileConsequence }],
    complete: previous?.complete ?? false,
  };
}

const mostProblems = 100;

/** Merges a file while it is read, some items at a time. */
export class FileMerge {
  readonly #previous: ManifestFile | undefined;
  readonly #objects = new Map<string, FileObject>();
  readonly #problems: BoundedProblems;
  #complete = true;

  constructor(path: string, previous: ManifestFile | undefined) {
    this.#previous = previous;
    this.#problems = new BoundedProblems(mostProblems, path);
  }

  add(items: readonly ReadItem[]): void {
    for (const item of items) {
      const earlier = this.#objects.get(item.id);
      if (earlier === undefined) this.#addFirst(item);
      else this.#problems.add(duplicateProblem(item.id, item.origin, earlier.origin));
    }
  }

  done(): ManifestFile {
    return { objects: this.#objects, problems: this.#problems.all, complete: this.#complete };
  }

  #addFirst({ id, origin, content, problem }: ReadItem): void {
    const last = this.#previous?.objects.get(id);
    if (problem === undefined) {
      if (content !== undefined) this.#objects.set(id, keepReference({ origin, content }, last));
      return;
    }
    // A flaw does not change a version without one.
    const rest = last === undefined || last.isFlawed ? content : undefined;
    const consequence = rest === undefined ? objectConsequence : flawConsequence;
    this.#problems.add({ subject: id, text: problem, consequence });
    const kept =
      rest === undefined ? last : keepReference({ origin, content: rest, isFlawed: true }, last);
    if (kept === undefined || kept.isFlawed) this.#complete = false;
    if (kept !== undefined) this.#objects.set(id, kept);
  }
}

export function duplicateProblem(id: string, origin: string, first: string): SourceProblem {
  return {
    subject: id,
    text: `${origin}: ${id}: is already defined in ${first}`,
    consequence: 'the first one, by file name and document, is used',
  };
}

function keepReference(next: FileObject, last: FileObject | undefined): FileObject {
  if (last === undefined || !isDeepStrictEqual(last.content, next.content)) return next;
  const isSame = last.origin === next.origin && last.isFlawed === next.isFlawed;
  return isSame ? last : { ...next, content: last.content };
}

// One YAML file -> the objects in it. Pure: what the file said before comes in, so that whatever is wrong now keeps its
// last good version, and whatever did not change keeps its reference.

import { isDeepStrictEqual } from 'node:util';
import { type Document, parseAllDocuments } from 'yaml';
import { InputError } from '../base/input-error.ts';
import { FlawedNodeError, flawConsequence } from './flawed-node.ts';
import { type ClusterObject, identify, type ObjectIdentity, parseObject } from './parse-object.ts';
import type { SourceProblem } from './state.ts';

export interface FileObject {
  /** `demo/pods.yaml, document 3`. */
  readonly origin: string;
  readonly content: ClusterObject;
  /** It never was without a flaw: `content` lacks what cannot be used. */
  readonly isFlawed?: true;
}

export interface ManifestFile {
  /** By kind and key: `Pod shop/web-1`. */
  readonly objects: ReadonlyMap<string, FileObject>;
  readonly problems: readonly SourceProblem[];
  /** False while something in it has never been read, so that what is absent need not be deleted. */
  readonly complete: boolean;
}

const fileConsequence = 'the last good version of this file stays in force';
const objectConsequence =
  'the last good version of this object stays in force; everything else in the file was applied';

/** @param path as shown to people */
export function readManifests(path: string, text: string, previous?: ManifestFile): ManifestFile {
  let items: readonly Item[];
  try {
    items = splitItems(path, text).flatMap((item) => {
      const identity = identify(item.raw, item.origin);
      return identity === undefined ? [] : [{ ...item, identity }];
    });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return brokenFile(error.message, previous);
  }
  return readItems(items, previous);
}

/** What a file amounts to that cannot be read at all now. */
export function brokenFile(text: string, previous: ManifestFile | undefined): ManifestFile {
  return {
    objects: previous?.objects ?? new Map(),
    problems: [{ text, consequence: fileConsequence }],
    complete: previous?.complete ?? false,
  };
}

interface RawItem {
  readonly origin: string;
  readonly raw: unknown;
}

interface Item extends RawItem {
  readonly identity: ObjectIdentity;
}

function readItems(items: readonly Item[], previous: ManifestFile | undefined): ManifestFile {
  const objects = new Map<string, FileObject>();
  const problems: SourceProblem[] = [];
  let complete = true;
  for (const { identity, raw, origin } of items) {
    const id = `${identity.kind} ${identity.key}`;
    const earlier = objects.get(id);
    if (earlier !== undefined) {
      problems.push(duplicateProblem(id, origin, earlier.origin));
      continue;
    }
    const last = previous?.objects.get(id);
    try {
      objects.set(id, keepReference({ origin, content: parseObject(identity, raw, origin) }, last));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const rest =
        last === undefined || last.isFlawed ? restOf(identity, origin, error) : undefined;
      const consequence = rest === undefined ? objectConsequence : flawConsequence;
      problems.push({ text: error.message, consequence });
      const kept = rest === undefined ? last : keepReference(rest, last);
      if (kept === undefined || kept.isFlawed) complete = false;
      if (kept !== undefined) objects.set(id, kept);
    }
  }
  return { objects, problems, complete };
}

export function duplicateProblem(id: string, origin: string, first: string): SourceProblem {
  return {
    text: `${origin}: ${id}: is already defined in ${first}`,
    consequence: 'the first one, by file name and document, is used',
  };
}

function keepReference(next: FileObject, last: FileObject | undefined): FileObject {
  if (last === undefined || !isDeepStrictEqual(last.content, next.content)) return next;
  const isSame = last.origin === next.origin && last.isFlawed === next.isFlawed;
  return isSame ? last : { ...next, content: last.content };
}

function restOf(
  { kind, key }: ObjectIdentity,
  origin: string,
  error: InputError,
): FileObject | undefined {
  if (kind !== 'Node' || !(error instanceof FlawedNodeError)) return undefined;
  return { origin, content: { kind, key, object: error.rest }, isFlawed: true };
}

// Documents are counted as a person counts them in the file; empty ones count but hold nothing.
function splitItems(path: string, text: string): readonly RawItem[] {
  // `merge`: kubectl's parser knows YAML 1.1 merge keys (<<).
  const documents = parseAllDocuments(text, { merge: true });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document: Document, index) => {
    const origin = `${path}, document ${index + 1}`;
    return expandList(plainValue(document, origin), origin);
  });
}

function plainValue(document: Document, origin: string): unknown {
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) {
    throw new InputError({
      object: origin,
      rule: `is not YAML: ${firstLine(syntaxError.message)}`,
    });
  }
  try {
    return document.toJS();
  } catch (error) {
    // Unresolved aliases and alias bombs show only here.
    const text = error instanceof Error ? error.message : String(error);
    throw new InputError({ object: origin, rule: `is not YAML: ${text}` }, { cause: error });
  }
}

function expandList(raw: unknown, origin: string): readonly RawItem[] {
  if (raw === null || raw === undefined) return [];
  if (!isList(raw)) return [{ origin, raw }];
  return raw.items.map((item, index) => ({ origin: `${origin}, item ${index + 1}`, raw: item }));
}

function isList(raw: unknown): raw is { readonly items: readonly unknown[] } {
  return (
    typeof raw === 'object' &&
    raw !== null &&
    'kind' in raw &&
    raw.kind === 'List' &&
    'items' in raw &&
    Array.isArray(raw.items)
  );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.replace(/:$/, '') ?? text;
}

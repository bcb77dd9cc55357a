// The thread that reads large manifests (reader.ts). It sends a few items at a time, because receiving them blocks the
// agent's own thread.

import { parentPort } from 'node:worker_threads';
import { errorText } from '../../base/errors.ts';
import { type ReadItem, readItems } from './items.ts';
import type { FromManifestThread, ToManifestThread } from './reader.ts';
import { manifestText } from './yaml.ts';

// The default limit of etcd: an API server stores no larger object.
const mostObjectCharacters = 1_572_864;

const mostItems = 500;
const mostCharacters = 262_144;

interface SizedItem {
  readonly item: ReadItem;
  readonly characters: number;
}

let rest: readonly ReadItem[] = [];

function answer(question: ToManifestThread): FromManifestThread {
  if (question.kind === 'more') return nextItems();
  rest = [];
  const file = readItems(question.path, manifestText(question.bytes));
  if (file.kind === 'broken') return file;
  rest = file.items;
  return nextItems();
}

function nextItems(): FromManifestThread {
  const items: ReadItem[] = [];
  let characters = 0;
  for (const next of rest) {
    const sized = bounded(next);
    items.push(sized.item);
    characters += sized.characters;
    if (items.length >= mostItems || characters >= mostCharacters) break;
  }
  rest = rest.slice(items.length);
  return { kind: 'items', items, isLast: rest.length === 0 };
}

function bounded(item: ReadItem): SizedItem {
  const { id, origin, content } = item;
  const { length } = JSON.stringify(item);
  if (content === undefined || length <= mostObjectCharacters) return { item, characters: length };
  const problem = `${origin}: ${id}: is larger than an API server stores (${mostObjectCharacters} bytes)`;
  return { item: { id, origin, problem }, characters: problem.length };
}

parentPort?.on('message', (question: ToManifestThread) => {
  try {
    parentPort?.postMessage(answer(question));
  } catch (error) {
    const text = errorText(error);
    parentPort?.postMessage({ kind: 'unreadable', text } satisfies FromManifestThread);
  }
});

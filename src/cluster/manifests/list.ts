// Lists of objects in manifests, expanded as kubectl does it: `List`, and the typed list of any kind (`NodeList`), also within
// each other.

import { InputError } from '../../base/input-error.ts';
import { isOurList } from '../parse-object.ts';

export interface RawItem {
  /** `demo/pods.yaml, document 3`. */
  readonly origin: string;
  readonly raw: unknown;
}

/** Of lists within lists; an alias could make a list hold itself. */
const deepest = 8;

/** The item itself where it is no list. Throws InputError for a list that is none, or too deep. */
export function itemsOf(item: RawItem, depth = 0): readonly RawItem[] {
  const { origin } = item;
  const list = asList(item);
  if (list === undefined) return [item];
  if (depth === deepest) {
    throw new InputError({ object: origin, rule: `is a list within ${deepest} lists` });
  }
  return list.items.flatMap((each: unknown, index) =>
    itemsOf({ origin: `${origin}, item ${index + 1}`, raw: withType(each, list) }, depth + 1),
  );
}

interface List {
  readonly apiVersion: unknown;
  readonly kind: string;
  readonly items: readonly unknown[];
}

function asList({ origin, raw }: RawItem): List | undefined {
  if (!isMap(raw)) return undefined;
  const { apiVersion, kind, items } = raw;
  if (typeof kind !== 'string' || !kind.endsWith('List')) return undefined;
  if (Array.isArray(items)) return { apiVersion, kind, items };
  // Another group may have an object whose kind ends like that, such as an AllowList.
  if (!isOurList(kind, apiVersion)) return undefined;
  if (items === null) return { apiVersion, kind, items: [] };
  const rule = items === undefined ? 'is required' : 'is not a list';
  throw new InputError({ object: `${origin}: ${kind}`, field: 'items', value: items, rule });
}

// The API server leaves out what the list already says of its items.
function withType(raw: unknown, { apiVersion, kind }: List): unknown {
  if (kind === 'List' || !isMap(raw)) return raw;
  const isTyped = raw['kind'] !== undefined || raw['apiVersion'] !== undefined;
  return isTyped ? raw : { ...raw, apiVersion, kind: kind.slice(0, -'List'.length) };
}

interface RawMap {
  readonly [field: string]: unknown;
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly items?: unknown;
}

function isMap(raw: unknown): raw is RawMap {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

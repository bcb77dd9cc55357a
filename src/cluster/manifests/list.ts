// Expands lists of objects in manifests as kubectl does: `List` and typed lists of any kind (`NodeList`), also nested.

import { InputError } from '../../base/input-error.ts';
import { isOurList } from '../parse-object.ts';

export interface RawItem {
  /** `demo/pods.yaml, document 3`. */
  readonly origin: string;
  readonly raw: unknown;
}

/** Maximum depth of nested lists; with an alias a list could contain itself. */
const deepest = 8;

/** Returns the item itself if it is not a list. Throws InputError for an invalid or too deeply nested list. */
export function itemsOf(item: RawItem, depth = 0): readonly RawItem[] {
  const { origin } = item;
  const list = asList(item);
  if (list === undefined) return [item];
  if (depth === deepest) {
    throw new InputError({ object: origin, rule: `is nested in ${deepest} lists` });
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
  // Another API group may have a kind with such a name, for example AllowList.
  if (!isOurList(kind, apiVersion)) return undefined;
  if (items === null) return { apiVersion, kind, items: [] };
  const rule = items === undefined ? 'is required' : 'is not a list';
  throw new InputError({ object: `${origin}: ${kind}`, field: 'items', value: items, rule });
}

// The API server omits from items what the list already states.
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

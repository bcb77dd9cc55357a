// A table of family `inet` as libnftables lists it (libnftables-json(5)), read back as entries.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { InputError } from '../../base/input-error.ts';
import { parseAddress } from '../../net/address.ts';
import { hostPrefix, type Prefix, parsePrefix } from '../../net/prefix.ts';
import {
  chainContent,
  counterEntry,
  elementEntry,
  type NftChain,
  type NftDefinition,
  type NftElement,
  type NftEntry,
  tableEntry,
} from './entries.ts';

export interface NftListing {
  readonly entries: readonly NftEntry[];
  /** Hash of everything listed about a chain and its rules, by the chain's name. */
  readonly chainHashes: ReadonlyMap<string, string>;
  /** Names of counters that are marks: see `writtenMark`. */
  readonly marks: readonly string[];
}

const markPrefix = 'as_written_';

/** Name of a counter that records how libnftables listed all chains right after they were written. */
export function writtenMark(chainHashes: ReadonlyMap<string, string>): string {
  const lines = Array.from(chainHashes, ([name, hash]) => `${name} ${hash}`).sort();
  return `${markPrefix}${hashOf(lines.join('\n'))}`;
}

/** `table`: its name. Sets come before their elements, the table before everything. */
export function readTable(table: string, listing: readonly unknown[]): NftListing {
  const items = listingSchema.parse(listing);
  const counters = items.flatMap(({ counter }) => counter ?? []);
  const isMark = (name: string): boolean => name.startsWith(markPrefix);
  return {
    entries: [
      { ...tableEntry(table), content: tableContent(items, listing) },
      ...counters.filter(({ name }) => !isMark(name)).map(({ name }) => counterEntry(name)),
      ...items.flatMap(({ set, map }) => [
        ...(set === undefined ? [] : collectionEntries('set', set)),
        ...(map === undefined ? [] : collectionEntries('map', map)),
      ]),
      ...items.flatMap(({ chain }) => (chain === undefined ? [] : [chainOf(chain, items)])),
    ],
    chainHashes: chainHashes(listing),
    marks: counters.map(({ name }) => name).filter(isMark),
  };
}

const concatenation = z
  .object({ concat: z.array(z.union([z.string(), z.number()])) })
  .transform(({ concat }) => concat.join(' . '));

interface ListedElement {
  readonly text: string;
  readonly isUnreadable?: boolean;
}

const readable = (text: string): ListedElement => ({ text });

// A set of another process in this table may hold anything.
function prefixElement(text: string, parse: () => Prefix): ListedElement {
  try {
    return readable(parse());
  } catch (error) {
    if (error instanceof InputError) return { text, isUnreadable: true };
    throw error;
  }
}

// A single address is a plain value; a range has another form. The most frequent form is tried first.
const element = z.union([
  z
    .string()
    .transform((address) => prefixElement(address, () => hostPrefix(parseAddress(address)))),
  z
    .object({ prefix: z.object({ addr: z.string(), len: z.number() }) })
    .transform(({ prefix: { addr, len } }) => {
      const text = `${addr}/${len}`;
      return prefixElement(text, () => parsePrefix(text));
    }),
  concatenation.transform(readable),
  z.tuple([concatenation, concatenation]).transform((sides) => readable(sides.join(' : '))),
  // A number in a map, as the marks of Services.
  z.tuple([z.number(), concatenation]).transform((sides) => readable(sides.join(' : '))),
  z.unknown().transform((other) => ({ text: JSON.stringify(other), isUnreadable: true })),
]);

// A single one is a plain value. Other forms are not written by this program.
const words = z
  .union([z.string().transform((word) => [word]), z.array(z.string())])
  .catch(['unreadable']);

const ignored = z.unknown().optional();
const ofTable = { family: ignored, table: ignored, handle: ignored };

const collection = z.looseObject({
  ...ofTable,
  name: z.string(),
  type: words,
  map: words.optional(),
  flags: words.optional(),
  elem: z.array(element).optional(),
});

const chain = z.object({
  name: z.string(),
  type: z.string().optional(),
  hook: z.string().optional(),
  prio: z.number().optional(),
  policy: z.string().optional(),
});

const listingSchema = z.array(
  z.object({
    table: z.looseObject({ ...ofTable, name: ignored }).optional(),
    chain: chain.optional(),
    rule: z.object({ chain: z.string(), comment: z.string().optional() }).optional(),
    set: collection.optional(),
    map: collection.optional(),
    counter: z.object({ name: z.string() }).optional(),
  }),
);

type Items = z.output<typeof listingSchema>;

// Empty if there is nothing except what this program writes; otherwise it contains flags and objects of other kinds.
function tableContent(items: Items, listing: readonly unknown[]): string {
  const table = items.find((item) => item.table !== undefined)?.table;
  if (table === undefined) return 'unreadable';
  const { family: _, name: __, table: ___, handle: ____, ...flags } = table;
  const others = listing.filter((_item, index) => Object.keys(items[index] ?? {}).length === 0);
  const isPlain = Object.keys(flags).length === 0 && others.length === 0;
  return isPlain ? '' : JSON.stringify([flags, ...others]);
}

function collectionEntries(
  kind: 'set' | 'map',
  listed: z.output<typeof collection>,
): readonly (NftDefinition | NftElement)[] {
  const { name, type: key, map, flags, elem = [], ...rest } = listed;
  const { family: _, table: __, handle: ___, ...others } = rest;
  const parts = [
    `type ${[key, ...(map === undefined ? [] : [map])].map((types) => types.join(' . ')).join(' : ')}`,
    ...(flags === undefined ? [] : [`flags ${flags.join(',')}`]),
    ...(Object.keys(others).length === 0 ? [] : [JSON.stringify(others)]),
  ];
  return [
    { kind, name, content: parts.join('; ') },
    ...elem.map(({ text, isUnreadable }) =>
      isUnreadable
        ? ({ kind: 'element', of: name, element: text, content: '', isUnreadable } as const)
        : elementEntry(name, text),
    ),
  ];
}

function chainOf(
  { name, type: kind, hook, prio, policy }: z.output<typeof chain>,
  items: Items,
): NftChain {
  const rules = items.flatMap(({ rule }) => (rule?.chain === name ? [rule] : []));
  const [comment = '', ...others] = new Set(rules.map((rule) => rule.comment ?? ''));
  const fingerprint = others.length === 0 ? comment.replace(/^heddle /, '') : '';
  const place =
    hook === undefined ? '' : `type ${kind} hook ${hook} priority ${prio}; policy ${policy};`;
  return { kind: 'chain', name, place, content: chainContent(rules.length, fingerprint) };
}

const chainItem = z.union([
  z.object({ chain: z.object({ name: z.string() }) }).transform(({ chain: { name } }) => name),
  z.object({ rule: z.object({ chain: z.string() }) }).transform(({ rule }) => rule.chain),
]);

// Handles are not part of the contents.
function chainHashes(listing: readonly unknown[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const item of listing) {
    const { data: name } = chainItem.safeParse(item);
    if (name === undefined) continue;
    const text = JSON.stringify(item, (field, value: unknown) =>
      field === 'handle' ? undefined : value,
    );
    texts.set(name, `${texts.get(name) ?? ''}${text}\n`);
  }
  return new Map(Array.from(texts, ([name, text]) => [name, hashOf(text)]));
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

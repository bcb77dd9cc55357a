// The nftables table `inet heddle` in the kernel. One entry: the whole table, replaced in one transaction.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { memoize } from '../../base/memoize.ts';
import { isKernelError } from '../../kernel/errno.ts';
import type { Nftables } from '../../kernel/netfilter/nftables.ts';
import { parseAddress } from '../../net/address.ts';
import { hostPrefix, parsePrefix } from '../../net/prefix.ts';
import type { Table } from '../../reconcile/table.ts';
import { nftKey as key, nftTableName as tableName } from '../ids.ts';
import { writeEach } from '../writes.ts';
import { chainShape, elementsOf, type NftEntry, shapeOf } from './rule-text.ts';

/** The part of Nftables that a table needs. */
export type NftRunner = Pick<Nftables, 'apply' | 'replaceTable' | 'listTable' | 'deleteTable'>;

/**
 * What is there counts as right when its fingerprint and shape are, and when its rules and flags still read as they did
 * right after they were written. A counter in the table has the hash of that in its name, for later processes too. With
 * other elements in the same sets they read the same: they are listed only once, which takes as long as writing (40 ms in
 * a cluster of 1,000 nodes).
 */
export function nftTable(runner: NftRunner): Table<NftEntry> {
  // By fingerprint.
  const marks = new Map<string, string>();
  // Whatever is written brings another listing, so what one says stays true.
  const entriesOf = memoize((listing: readonly unknown[]): ReadonlyMap<string, NftEntry> => {
    const { counters, ...found } = readListing(listing);
    const mark = markOf(listing);
    const isChanged = !counters.has(mark);
    if (!isChanged) remember(marks, found.fingerprint, mark);
    const shape = isChanged ? `${found.shape}; changed` : found.shape;
    return new Map([[key, { ...found, shape, body: '' }]]);
  });
  return {
    name: 'nft',
    key: () => key,
    equal: (left, right) => left.fingerprint === right.fingerprint && left.shape === right.shape,
    list: () => {
      const listing = listTable(runner);
      return listing === undefined ? new Map() : entriesOf(listing);
    },
    set: (entries) =>
      writeEach(entries, {
        key: () => key,
        write: ({ body, fingerprint }) => {
          const known = marks.get(fingerprint);
          const marked = known === undefined ? body : `${body}\n  counter ${known} {\n  }`;
          runner.replaceTable('inet', tableName, marked);
          if (known !== undefined) return;
          const mark = markOf(listTable(runner) ?? []);
          runner.apply(`add counter inet ${tableName} ${mark}`);
          remember(marks, fingerprint, mark);
        },
      }),
    delete: (entries) =>
      writeEach(entries, {
        key: () => key,
        write: () => void runner.deleteTable('inet', tableName),
      }),
  };
}

// One is in force at a time.
function remember(marks: Map<string, string>, fingerprint: string, mark: string): void {
  marks.clear();
  marks.set(fingerprint, mark);
}

function listTable(runner: NftRunner): readonly unknown[] | undefined {
  try {
    return runner.listTable('inet', tableName, { stateless: true });
  } catch (error) {
    // libnftables 1.0.6 writes whatever is in its memory as a table's flags. Ours has none.
    if (isKernelError(error, 'EBADMSG')) return [];
    throw error;
  }
}

const concatenation = z
  .object({ concat: z.array(z.union([z.string(), z.number()])) })
  .transform(({ concat }) => concat.join(' . '));

// A single address stands alone, a range of any other form as it comes. What there are thousands of is tried first.
const element = z.union([
  z.string().transform((address) => hostPrefix(parseAddress(address))),
  z
    .object({ prefix: z.object({ addr: z.string(), len: z.number() }) })
    .transform(({ prefix: { addr, len } }) => parsePrefix(`${addr}/${len}`)),
  concatenation,
  z.tuple([concatenation, concatenation]).transform((sides) => sides.join(' : ')),
  z.unknown().transform((other) => JSON.stringify(other)),
]);

// The policy is told only where it is not ours.
const chain = z
  .object({
    name: z.string(),
    type: z.string().optional(),
    hook: z.string().optional(),
    prio: z.number().optional(),
    policy: z.string().optional(),
  })
  .transform(({ name, type, hook, prio, policy }) => {
    const place = hook === undefined ? '' : ` ${type} ${hook} ${prio}`;
    return { name, place: policy === 'accept' ? place : [place, policy].join(' ').trimEnd() };
  });

const collection = z.object({ name: z.string(), elem: z.array(element).optional() });

/** libnftables-json(5), as far as the shape needs it. */
const listingSchema = z.array(
  z.object({
    chain: chain.optional(),
    rule: z.object({ chain: z.string(), comment: z.string().optional() }).optional(),
    set: collection.optional(),
    map: collection.optional(),
    counter: z.object({ name: z.string() }).optional(),
  }),
);

const elsewhereSchema = z.union([
  z.object({ set: collection }),
  z.object({ map: collection }),
  z.object({ counter: z.unknown() }),
]);

interface FoundTable extends Pick<NftEntry, 'fingerprint' | 'shape'> {
  readonly counters: ReadonlySet<string>;
}

function readListing(listing: unknown): FoundTable {
  const rules = new Map<string, number>();
  const places = new Map<string, string>();
  const sets = new Map<string, string>();
  const comments = new Set<string>();
  const counters = new Set<string>();
  for (const { chain, rule, set, map, counter } of listingSchema.parse(listing)) {
    if (counter !== undefined) counters.add(counter.name);
    if (chain !== undefined) places.set(chain.name, chain.place);
    if (set !== undefined) sets.set(`set ${set.name}`, elementsOf(set.elem ?? []));
    if (map !== undefined) sets.set(`map ${map.name}`, elementsOf(map.elem ?? []));
    if (rule === undefined) continue;
    rules.set(rule.chain, (rules.get(rule.chain) ?? 0) + 1);
    comments.add(rule.comment ?? '');
  }
  const chains = Array.from(places, ([name, place]) =>
    chainShape(name, place, rules.get(name) ?? 0),
  );
  const [comment = ''] = comments;
  const fingerprint = comments.size === 1 ? comment.replace(/^heddle /, '') : '';
  return { fingerprint, shape: shapeOf([...chains, ...sets]), counters };
}

// Handles say nothing about the contents. Sets and maps are in the shape, and nobody exchanges one that a rule refers to;
// counters count.
function markOf(listing: readonly unknown[]): string {
  const rules = listing.filter((item) => !elsewhereSchema.safeParse(item).success);
  const text = JSON.stringify(rules, (name, value: unknown) =>
    name === 'handle' ? undefined : value,
  );
  return `as_written_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

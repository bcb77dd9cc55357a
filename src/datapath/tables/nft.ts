// The nftables table `inet heddle` in the kernel. One entry: the whole table, replaced in one transaction.

import { z } from 'zod';
import { memoize } from '../../base/memoize.ts';
import type { Nftables } from '../../kernel/nftables.ts';
import { parseAddress } from '../../net/address.ts';
import { hostPrefix, parsePrefix } from '../../net/prefix.ts';
import type { Table } from '../../reconcile/table.ts';
import { chainShape, elementsOf, type NftEntry, shapeOf } from './nft-render.ts';
import { nftKey as key, nftTableName as tableName } from './nft-rules.ts';
import { writeEach } from './writes.ts';

/** The part of Nftables that a table needs. */
export type NftRunner = Pick<Nftables, 'replaceTable' | 'listTable' | 'deleteTable'>;

/**
 * What is there counts as right when its fingerprint and shape are, and when its rules still read as they did right after
 * we wrote them (which a later process does not know). With other elements in the same sets they read the same: they are
 * listed only once, which takes as long as writing (40 ms in a cluster of 1,000 nodes).
 */
export function nftTable(runner: NftRunner): Table<NftEntry> {
  const written = new Map<string, string>();
  // Whatever is written brings another listing, so what one says stays true.
  const entriesOf = memoize((listing: readonly unknown[]): ReadonlyMap<string, NftEntry> => {
    const found = readListing(listing);
    const asWritten = written.get(found.fingerprint);
    const isChanged = asWritten !== undefined && asWritten !== rulesOf(listing);
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
          runner.replaceTable('inet', tableName, body);
          if (written.has(fingerprint)) return;
          written.clear();
          written.set(fingerprint, rulesOf(listTable(runner) ?? []));
        },
      }),
    delete: (entries) =>
      writeEach(entries, {
        key: () => key,
        write: () => void runner.deleteTable('inet', tableName),
      }),
  };
}

function listTable(runner: NftRunner): readonly unknown[] | undefined {
  return runner.listTable('inet', tableName, { stateless: true });
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
  }),
);

const elsewhereSchema = z.union([
  z.object({ set: collection }),
  z.object({ map: collection }),
  z.object({ counter: z.unknown() }),
]);

function readListing(listing: unknown): Pick<NftEntry, 'fingerprint' | 'shape'> {
  const rules = new Map<string, number>();
  const places = new Map<string, string>();
  const sets = new Map<string, string>();
  const comments = new Set<string>();
  for (const { chain, rule, set, map } of listingSchema.parse(listing)) {
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
  return { fingerprint, shape: shapeOf([...chains, ...sets]) };
}

// Handles say nothing about the contents. Sets and maps are in the shape, and nobody exchanges one that a rule refers to;
// counters count.
function rulesOf(listing: readonly unknown[]): string {
  const rules = listing.filter((item) => !elsewhereSchema.safeParse(item).success);
  return JSON.stringify(rules, (name, value: unknown) => (name === 'handle' ? undefined : value));
}

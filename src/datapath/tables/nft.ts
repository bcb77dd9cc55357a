// The nftables table `inet heddle`: pods' packets to outside the cluster get the node's address. One entry: the whole
// table, replaced in one transaction.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { memoize } from '../../base/memoize.ts';
import type { DesiredState, Masquerade } from '../../model/desired.ts';
import type { AddressFamily } from '../../net/address.ts';
import { type Prefix, prefixFamily } from '../../net/prefix.ts';
import type { Table } from '../../reconcile/table.ts';
import { writeEach } from './writes.ts';

export interface NftEntry {
  /** Of `text`, written into the table's comment. */
  readonly fingerprint: string;
  /** How many rules and elements each chain and set has: `chain masquerade: 2; set exempt4: 3`. */
  readonly shape: string;
  /** What makes the table, as for `nft -f`. Empty in what is listed. */
  readonly text: string;
}

/** The part of Nftables that a table needs. */
export interface NftRunner {
  /** All or nothing; throws KernelError. */
  apply(commands: string): void;
  /** As `nft -j list table` gives it; undefined where there is none. */
  listTable(family: string, name: string): unknown;
}

const tableName = 'heddle';
const key = `inet ${tableName}`;
const noTable: ReadonlyMap<string, NftEntry> = new Map();

export function nftEntries({ masquerade }: DesiredState): ReadonlyMap<string, NftEntry> {
  return masquerade === undefined ? noTable : masqueradeEntries(masquerade);
}

const masqueradeEntries = memoize(
  (masquerade: Masquerade): ReadonlyMap<string, NftEntry> => new Map([[key, render(masquerade)]]),
);

interface AddressSet {
  readonly name: string;
  readonly type: 'ipv4_addr' | 'ipv6_addr';
  readonly prefixes: readonly Prefix[];
}

function render({ sources, exempt, uplinks }: Masquerade): NftEntry {
  const families = ([4, 6] as const).filter((family) => ofFamily(sources, family).length > 0);
  const sets = families.flatMap((family) => [
    addressSet(`sources${family}`, family, sources),
    addressSet(`exempt${family}`, family, exempt),
  ]);
  const names = uplinks.map((name) => JSON.stringify(name)).join(', ');
  const rules = families.map((family) => {
    const ip = family === 4 ? 'ip' : 'ip6';
    // Random ports: two pods' connections to one place must not be given the same port at the same time.
    return `oifname { ${names} } ${ip} saddr @sources${family} ${ip} daddr != @exempt${family} masquerade fully-random`;
  });
  const body = [...sets.flatMap(renderSet), ...renderChain(rules)];
  const fingerprint = createHash('sha256').update(body.join('\n')).digest('hex').slice(0, 16);
  return {
    fingerprint,
    shape: shapeOf([
      ['chain masquerade', rules.length],
      ...sets.map(({ name, prefixes }) => [`set ${name}`, prefixes.length] as const),
    ]),
    text: [
      // Made if missing, deleted, made anew: one transaction, whatever was there.
      `table ${key}`,
      `delete table ${key}`,
      `table ${key} {`,
      `  comment "heddle ${fingerprint}"`,
      ...body,
      '}',
      '',
    ].join('\n'),
  };
}

function renderSet({ name, type, prefixes }: AddressSet): readonly string[] {
  const elements = prefixes.length === 0 ? [] : [`    elements = { ${prefixes.join(', ')} }`];
  return [`  set ${name} {`, `    type ${type}`, '    flags interval', ...elements, '  }'];
}

function renderChain(rules: readonly string[]): readonly string[] {
  return [
    '  chain masquerade {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    ...rules.map((rule) => `    ${rule}`),
    '  }',
  ];
}

function addressSet(name: string, family: AddressFamily, all: readonly Prefix[]): AddressSet {
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  return { name, type, prefixes: ofFamily(all, family) };
}

function ofFamily(prefixes: readonly Prefix[], family: AddressFamily): readonly Prefix[] {
  return prefixes.filter((prefix) => prefixFamily(prefix) === family);
}

function shapeOf(counts: readonly (readonly [name: string, count: number])[]): string {
  return counts
    .map(([name, count]) => `${name}: ${count}`)
    .sort()
    .join('; ');
}

/**
 * What is there counts as right when its fingerprint and shape are, and when it still reads as it did right after we
 * wrote it (known only within one process).
 */
export function nftTable(runner: NftRunner): Table<NftEntry> {
  const written = new Map<string, string>();
  return {
    name: 'nft',
    key: () => key,
    equal: (left, right) => left.fingerprint === right.fingerprint && left.shape === right.shape,
    list: () => {
      const listing = runner.listTable('inet', tableName);
      if (listing === undefined) return noTable;
      const found = readListing(listing);
      const asWritten = written.get(found.fingerprint);
      const isChanged = asWritten !== undefined && asWritten !== withoutHandles(listing);
      const shape = isChanged ? `${found.shape}; changed` : found.shape;
      return new Map([[key, { ...found, shape, text: '' }]]);
    },
    set: (entries) =>
      writeEach(entries, {
        key: () => key,
        write: ({ text, fingerprint }) => {
          runner.apply(text);
          written.clear();
          written.set(fingerprint, withoutHandles(runner.listTable('inet', tableName)));
        },
      }),
    delete: (entries) =>
      writeEach(entries, {
        key: () => key,
        write: () => runner.apply(`table ${key}\ndelete table ${key}\n`),
      }),
  };
}

const listingSchema = z.object({
  nftables: z.array(
    z.object({
      table: z.object({ comment: z.string().optional() }).optional(),
      chain: z.object({ name: z.string() }).optional(),
      rule: z.object({ chain: z.string() }).optional(),
      set: z.object({ name: z.string(), elem: z.array(z.unknown()).optional() }).optional(),
    }),
  ),
});

function readListing(listing: unknown): Pick<NftEntry, 'fingerprint' | 'shape'> {
  const counts = new Map<string, number>();
  let comment = '';
  for (const { table, chain, rule, set } of listingSchema.parse(listing).nftables) {
    comment = table?.comment ?? comment;
    if (chain !== undefined) counts.set(`chain ${chain.name}`, 0);
    if (set !== undefined) counts.set(`set ${set.name}`, set.elem?.length ?? 0);
    const ruleKey = `chain ${rule?.chain}`;
    if (rule !== undefined) counts.set(ruleKey, (counts.get(ruleKey) ?? 0) + 1);
  }
  return { fingerprint: comment.replace(/^heddle /, ''), shape: shapeOf([...counts]) };
}

// Handles and versions say nothing about the contents.
function withoutHandles(listing: unknown): string {
  return JSON.stringify(listing, (name, value: unknown) =>
    name === 'handle' || name === 'metainfo' ? undefined : value,
  );
}

// The nftables table `inet heddle`: pods' packets to outside the cluster get the node's address. One entry: the whole
// table, replaced in one transaction.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { memoize } from '../../base/memoize.ts';
import type { Nftables } from '../../kernel/nftables.ts';
import type { DesiredState, Masquerade } from '../../model/desired.ts';
import { type AddressFamily, parseAddress } from '../../net/address.ts';
import { hostPrefix, type Prefix, parsePrefix, prefixFamily } from '../../net/prefix.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import { writeEach } from './writes.ts';

export interface NftEntry {
  /** Of the contents; every rule carries it as its comment (libnftables lists no table's). */
  readonly fingerprint: string;
  /** How many rules each chain has, and which elements each set: `chain postrouting: 1; set exempt4: 192.0.2.0/24`. */
  readonly shape: string;
  /** What stands between the table's braces. Empty in what is listed. */
  readonly body: string;
}

/** The part of Nftables that a table needs. */
export type NftRunner = Pick<Nftables, 'replaceTable' | 'listTable' | 'deleteTable'>;

const tableName = 'heddle';
const key = `inet ${tableName}`;

export function nftEntries({ masquerade }: DesiredState): readonly EntryGroup<NftEntry>[] {
  return masquerade === undefined ? [] : [masqueradeEntries(masquerade)];
}

const masqueradeEntries = memoize(
  (masquerade: Masquerade): EntryGroup<NftEntry> => [[key, render(masquerade)]],
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
  const setLines = sets.flatMap(renderSet);
  const contents = [...setLines, ...renderChain(rules)].join('\n');
  const fingerprint = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  const marked = rules.map((rule) => `${rule} comment "heddle ${fingerprint}"`);
  return {
    fingerprint,
    shape: shapeOf([
      ['chain postrouting', rules.length],
      ...sets.map(({ name, prefixes }) => [`set ${name}`, elementsOf(prefixes)] as const),
    ]),
    body: [...setLines, ...renderChain(marked)].join('\n'),
  };
}

function renderSet({ name, type, prefixes }: AddressSet): readonly string[] {
  const elements = prefixes.length === 0 ? [] : [`    elements = { ${prefixes.join(', ')} }`];
  return [`  set ${name} {`, `    type ${type}`, '    flags interval', ...elements, '  }'];
}

function renderChain(rules: readonly string[]): readonly string[] {
  return [
    '  chain postrouting {',
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

function shapeOf(parts: readonly (readonly [name: string, contents: number | string])[]): string {
  return parts
    .map(([name, contents]) => `${name}: ${contents}`)
    .sort()
    .join('; ');
}

/**
 * What is there counts as right when its fingerprint and shape are, and when it still reads as it did right after we
 * wrote it (which a later process does not know).
 */
export function nftTable(runner: NftRunner): Table<NftEntry> {
  const written = new Map<string, string>();
  return {
    name: 'nft',
    key: () => key,
    equal: (left, right) => left.fingerprint === right.fingerprint && left.shape === right.shape,
    list: () => {
      const listing = listTable(runner);
      if (listing === undefined) return new Map();
      const found = readListing(listing);
      const asWritten = written.get(found.fingerprint);
      const isChanged = asWritten !== undefined && asWritten !== withoutHandles(listing);
      const shape = isChanged ? `${found.shape}; changed` : found.shape;
      return new Map([[key, { ...found, shape, body: '' }]]);
    },
    set: (entries) =>
      writeEach(entries, {
        key: () => key,
        write: ({ body, fingerprint }) => {
          runner.replaceTable('inet', tableName, body);
          written.clear();
          written.set(fingerprint, withoutHandles(listTable(runner)));
        },
      }),
    delete: (entries) =>
      writeEach(entries, {
        key: () => key,
        write: () => void runner.deleteTable('inet', tableName),
      }),
  };
}

function elementsOf(elements: readonly string[]): string {
  return [...elements].sort().join(', ');
}

function listTable(runner: NftRunner): readonly unknown[] | undefined {
  return runner.listTable('inet', tableName, { stateless: true });
}

// A single address stands alone, a range of any other form as it comes.
const element = z.union([
  z.string().transform((address) => hostPrefix(parseAddress(address))),
  z
    .object({ prefix: z.object({ addr: z.string(), len: z.number() }) })
    .transform(({ prefix: { addr, len } }) => parsePrefix(`${addr}/${len}`)),
  z.unknown().transform((other) => JSON.stringify(other)),
]);

/** libnftables-json(5), as far as the shape needs it. */
const listingSchema = z.array(
  z.object({
    chain: z.object({ name: z.string() }).optional(),
    rule: z.object({ chain: z.string(), comment: z.string().optional() }).optional(),
    set: z.object({ name: z.string(), elem: z.array(element).optional() }).optional(),
  }),
);

function readListing(listing: unknown): Pick<NftEntry, 'fingerprint' | 'shape'> {
  const rules = new Map<string, number>();
  const sets = new Map<string, string>();
  const comments = new Set<string>();
  for (const { chain, rule, set } of listingSchema.parse(listing)) {
    if (chain !== undefined) rules.set(`chain ${chain.name}`, 0);
    if (set !== undefined) sets.set(`set ${set.name}`, elementsOf(set.elem ?? []));
    const ruleKey = `chain ${rule?.chain}`;
    if (rule === undefined) continue;
    rules.set(ruleKey, (rules.get(ruleKey) ?? 0) + 1);
    comments.add(rule.comment ?? '');
  }
  const [comment = ''] = comments;
  const fingerprint = comments.size === 1 ? comment.replace(/^heddle /, '') : '';
  return { fingerprint, shape: shapeOf([...rules, ...sets]) };
}

// Handles say nothing about the contents.
function withoutHandles(listing: unknown): string {
  return JSON.stringify(listing ?? [], (name, value: unknown) =>
    name === 'handle' ? undefined : value,
  );
}

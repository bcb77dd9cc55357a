// An nftables table as text for nft, and what it is recognised by when it is read back.

import { createHash } from 'node:crypto';
import type { AddressFamily } from '../../net/address.ts';
import { type Prefix, prefixFamily } from '../../net/prefix.ts';

export interface NftEntry {
  /** Of all but the elements; every rule carries it as its comment (libnftables lists no table's). */
  readonly fingerprint: string;
  /** Where each chain is and how many rules it has, and which elements each set: `set exempt4: 192.0.2.0/24`. */
  readonly shape: string;
  /** What stands between the table's braces. Empty in what is listed. */
  readonly body: string;
}

export interface Collection {
  readonly kind: 'set' | 'map';
  readonly name: string;
  readonly type: string;
  /** Holds ranges. */
  readonly isInterval?: boolean;
  /** As nft writes them. */
  readonly elements: readonly string[];
}

export interface Chain {
  readonly name: string;
  /** Absent: only other chains lead here. */
  readonly at?: ChainPlace;
  readonly rules: readonly string[];
}

export interface ChainPlace {
  readonly type: 'filter' | 'nat';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  readonly priority: number;
}

export interface TableContents {
  readonly collections: readonly Collection[];
  /** Names of counters that rules refer to. */
  readonly counters: readonly string[];
  readonly chains: readonly Chain[];
}

/** Named as in linux/netfilter.h; numbers, as the kernel lists them. */
export const priorities = {
  /** Before fragments are put together (-400), as none of the names is. */
  beforeDefragmentation: -450,
  afterDefragmentation: -350,
  raw: -300,
  /** Before IPVS in `input` (98 and 99). */
  beforeServices: 97,
  /**
   * After what others have at dstnat (-100) and srcnat (100): of two chains at one place the one that was made last comes
   * first, and who translates a connection would depend on whose table was loaded last.
   */
  afterDstnat: -95,
  afterSrcnat: 105,
} as const;

export function renderTable({ collections, counters, chains }: TableContents): NftEntry {
  const declared = [
    ...counters.flatMap(renderCounter),
    ...collections.flatMap((each) => renderCollection({ ...each, elements: [] })),
  ];
  const contents = [...declared, ...chains.flatMap((chain) => renderChain(chain, ''))].join('\n');
  const fingerprint = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  const mark = ` comment "heddle ${fingerprint}"`;
  return {
    fingerprint,
    shape: shapeOf([
      ...chains.map(({ name, at, rules }) => chainShape(name, placeText(at), rules.length)),
      ...collections.map(
        ({ kind, name, elements }) => [`${kind} ${name}`, elementsOf(elements)] as const,
      ),
    ]),
    body: [
      ...counters.flatMap(renderCounter),
      ...collections.flatMap(renderCollection),
      ...chains.flatMap((chain) => renderChain(chain, mark)),
    ].join('\n'),
  };
}

/** A set of addresses of one family, as ranges. */
export function addressSet(
  name: string,
  family: AddressFamily,
  all: readonly Prefix[],
): Collection {
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const elements = all.filter((prefix) => prefixFamily(prefix) === family);
  return { kind: 'set', name, type, isInterval: true, elements };
}

/** What two tables are compared by, besides the fingerprint. */
export function shapeOf(
  parts: readonly (readonly [name: string, contents: number | string])[],
): string {
  return parts
    .map(([name, contents]) => `${name}: ${contents}`)
    .sort()
    .join('; ');
}

/** `place`: of `placeText`, and the policy where it is another than ours. */
export function chainShape(
  name: string,
  place: string,
  rules: number,
): readonly [name: string, contents: number] {
  return [`chain ${name}${place}`, rules];
}

export function placeText(at: ChainPlace | undefined): string {
  return at === undefined ? '' : ` ${at.type} ${at.hook} ${at.priority}`;
}

export function elementsOf(elements: readonly string[]): string {
  return [...elements].sort().join(', ');
}

function renderCounter(name: string): readonly string[] {
  return [`  counter ${name} {`, '  }'];
}

function renderCollection({
  kind,
  name,
  type,
  isInterval,
  elements,
}: Collection): readonly string[] {
  const flags = isInterval ? ['    flags interval'] : [];
  const lines = elements.length === 0 ? [] : [`    elements = { ${elements.join(', ')} }`];
  return [`  ${kind} ${name} {`, `    type ${type}`, ...flags, ...lines, '  }'];
}

function renderChain({ name, at, rules }: Chain, mark: string): readonly string[] {
  const place =
    at === undefined
      ? []
      : [`    type ${at.type} hook ${at.hook} priority ${at.priority}; policy accept;`];
  return [`  chain ${name} {`, ...place, ...rules.map((rule) => `    ${rule}${mark}`), '  }'];
}

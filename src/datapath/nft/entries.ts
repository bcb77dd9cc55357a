// A table of family `inet` as entries: one for the table, and one for each counter, set, map, chain and element. Each can be
// written alone, and the others keep their handles and counts.

import { createHash } from 'node:crypto';
import type { EntryGroup } from '../../reconcile/table.ts';
import { type Chain, type Collection, placeText, type TableContents } from './rule-text.ts';

export type NftEntry = NftDefinition | NftChain | NftElement;

/** The table itself (with its family: `inet heddle`), a counter, or a set or map without its elements. */
export interface NftDefinition {
  readonly kind: 'table' | 'counter' | 'set' | 'map';
  readonly name: string;
  /** Statements between the definition's braces, in nft's syntax; '' if there are none. */
  readonly content: string;
}

export interface NftChain {
  readonly kind: 'chain';
  readonly name: string;
  /** See `placeText`. */
  readonly place: string;
  /** Number of rules, and the fingerprint that each of them has as its comment. */
  readonly content: string;
  /** Absent in entries that the kernel lists. */
  readonly wanted?: WantedChain;
}

interface WantedChain {
  readonly rules: readonly string[];
  /** Chains are created in this order: of two at one place, the one that was created last comes first. */
  readonly rank: number;
}

export interface NftElement {
  readonly kind: 'element';
  /** Set or map. */
  readonly of: string;
  /** In nft's syntax. */
  readonly element: string;
  /** In a map the value of the element, else ''. */
  readonly content: string;
  /** The kernel's form of the element is one that this program does not write. */
  readonly isUnreadable?: boolean;
}

/** Shown to users: `chain postrouting`, `element exempt4 192.0.2.0/24`. */
export function nftEntryKey(entry: NftEntry): string {
  if (entry.kind === 'table') return entry.name;
  if (entry.kind === 'element') return `element ${entry.of} ${entry.element}`;
  return `${entry.kind} ${entry.name}`;
}

export function isSameNftEntry(left: NftEntry, right: NftEntry): boolean {
  return (
    left.kind === right.kind && left.content === right.content && placeOf(left) === placeOf(right)
  );
}

/** `table`: its name without the family. */
export function tableEntry(table: string): NftDefinition {
  return { kind: 'table', name: `inet ${table}`, content: '' };
}

export function counterEntry(name: string): NftDefinition {
  return { kind: 'counter', name, content: '' };
}

/** The ranks of chains begin at `rank`. */
export function contentEntries(
  { counters, collections, chains }: TableContents,
  rank: number,
): readonly NftEntry[] {
  return [
    ...counters.map(counterEntry),
    ...collections.flatMap((each) => [collectionEntry(each), ...elementEntries(each)]),
    ...chains.map((chain, index) => chainEntry(chain, rank + index)),
  ];
}

// Without its elements.
function collectionEntry({ kind, name, type, isInterval }: Collection): NftDefinition {
  return { kind, name, content: isInterval ? `type ${type}; flags interval` : `type ${type}` };
}

function elementEntries({ name, elements }: Collection): readonly NftElement[] {
  return elements.map((text) => elementEntry(name, text));
}

/** `text`: in nft's syntax, `KEY` or `KEY : VALUE`. */
export function elementEntry(of: string, text: string): NftElement {
  const [element = '', content = ''] = text.split(' : ');
  return { kind: 'element', of, element, content };
}

function chainEntry(chain: Chain, rank: number): NftChain {
  const { name, at, rules } = chain;
  const place = placeText(at);
  const text = [name, place, ...rules].join('\n');
  const fingerprint = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const content = chainContent(rules.length, fingerprint);
  return { kind: 'chain', name, place, content, wanted: { rules, rank } };
}

/** `fingerprint`: the comment of each rule. A chain without rules cannot store one. */
export function chainContent(rules: number, fingerprint: string): string {
  return rules === 0 ? 'no rules' : `${rules} rules ${fingerprint}`;
}

/** Every rule of a chain carries it: libnftables lists neither the comment of a chain nor that of a table. */
export function ruleComment({ content }: NftChain): string {
  return `heddle ${content.split(' ').at(-1)}`;
}

/** Entries with their keys, as the reconciler expects a group. */
export function keyed(entries: readonly NftEntry[]): EntryGroup<NftEntry> {
  return entries.map((entry) => [nftEntryKey(entry), entry]);
}

function placeOf(entry: NftEntry): string {
  return entry.kind === 'chain' ? entry.place : '';
}

// Commands for nft that turn the present contents of a table of family `inet` into the desired ones.

import type { TableChange } from '../../reconcile/table.ts';
import {
  type NftChain,
  type NftDefinition,
  type NftElement,
  type NftEntry,
  nftEntryKey,
  ruleComment,
} from './entries.ts';

export interface NftChange extends TableChange<NftEntry> {
  /** With its family: `inet heddle`. */
  readonly table: string;
  /** The kernel's state, by key. */
  readonly present: ReadonlyMap<string, NftEntry>;
}

/**
 * One command per line, ordered so that nothing refers to a missing object: rules and elements are removed before
 * definitions, and added after them. Undefined: the change cannot be made in parts, and the table must be replaced.
 */
export function changeCommands(change: NftChange): readonly string[] | undefined {
  if (!isInPieces(change)) return undefined;
  const { table, set, present } = change;
  const isPresent = (entry: NftEntry): boolean => present.has(nftEntryKey(entry));
  const gone = change.remove.filter(isPresent);
  const old = set.filter(isPresent);
  const fresh = set.filter((entry) => !isPresent(entry));
  const deleted = new Set(gone.filter(isCollection).map(({ name }) => name));
  return [
    ...[...gone, ...old].filter(isChain).map(({ name }) => `flush chain ${table} ${name}`),
    ...elementCommands(
      table,
      'delete',
      [...gone, ...old].filter(isElement).filter(({ of }) => !deleted.has(of)),
    ),
    ...[...gone.filter(isChain), ...gone.filter(isDefinition)].map(
      ({ kind, name }) => `delete ${kind} ${table} ${name}`,
    ),
    ...fresh.filter(isDefinition).map((entry) => definitionCommand(table, entry)),
    ...inOrder(fresh.filter(isChain)).map((chain) => chainCommand(table, chain)),
    ...elementCommands(table, 'add', set.filter(isElement)),
    ...set.filter(isChain).flatMap((chain) => ruleCommands(table, chain)),
  ];
}

/** The text between the table's braces when it is written as a whole. */
export function tableBody(entries: Iterable<NftEntry>): string {
  const all = [...entries];
  const elements = byCollection(all.filter(isElement));
  return [
    ...all.filter(isCounter).map(counterLines),
    ...all.filter(isCollection).map((each) => collectionLines(each, elements.get(each.name) ?? [])),
    ...inOrder(all.filter(isChain)).map(chainLines),
  ]
    .flat()
    .join('\n');
}

// A definition cannot be changed while rules refer to it, and the place of a base chain cannot be changed.
function isInPieces({ table, set, remove, desired, present }: NftChange): boolean {
  const former = [...remove, ...set].flatMap((entry) => present.get(nftEntryKey(entry)) ?? []);
  const fresh = set.filter((entry) => !present.has(nftEntryKey(entry))).filter(isChain);
  return (
    present.has(table) &&
    !former.some((entry) => isElement(entry) && entry.isUnreadable === true) &&
    !former.some(({ kind }) => kind === 'table') &&
    set.every((entry) => isElement(entry) || isPiece(entry, present.get(nftEntryKey(entry)))) &&
    (fresh.length === 0 || !precedesAny(fresh, desired, present))
  );
}

function isPiece(entry: NftDefinition | NftChain, was: NftEntry | undefined): boolean {
  if (was === undefined) return true;
  return isChain(entry) && isChain(was) && was.place === entry.place;
}

// Whether one of them should have been created before an existing chain at the same place.
function precedesAny(
  fresh: readonly NftChain[],
  desired: NftChange['desired'],
  present: NftChange['present'],
): boolean {
  const there = [...desired.values()]
    .filter(isChain)
    .filter((chain) => present.has(nftEntryKey(chain)));
  return fresh.some((chain) => {
    const after = there.filter((other) => rankOf(other) > rankOf(chain));
    return chain.place !== '' && after.some(({ place }) => place === chain.place);
  });
}

// Thousands in one command: for each command, the library looks at the whole table.
function elementCommands(
  table: string,
  verb: 'add' | 'delete',
  elements: readonly NftElement[],
): readonly string[] {
  return Array.from(byCollection(elements), ([name, own]) => {
    const texts = own.map((each) => (verb === 'add' ? elementText(each) : each.element));
    return `${verb} element ${table} ${name} { ${texts.join(', ')} }`;
  });
}

/** By the name of the set or map. */
export function byCollection(
  elements: readonly NftElement[],
): ReadonlyMap<string, readonly NftElement[]> {
  const found = new Map<string, NftElement[]>();
  for (const each of elements) {
    const own = found.get(each.of);
    if (own === undefined) found.set(each.of, [each]);
    else own.push(each);
  }
  return found;
}

function definitionCommand(table: string, { kind, name, content }: NftDefinition): string {
  const braces = content === '' ? '' : ` { ${content}; }`;
  return `add ${kind} ${table} ${name}${braces}`;
}

function chainCommand(table: string, { name, place }: NftChain): string {
  return `add chain ${table} ${name}${place === '' ? '' : ` { ${place} }`}`;
}

function ruleCommands(table: string, chain: NftChain): readonly string[] {
  return ruleTexts(chain).map((rule) => `add rule ${table} ${chain.name} ${rule}`);
}

function counterLines({ name }: NftDefinition): readonly string[] {
  return [`  counter ${name} {`, '  }'];
}

function collectionLines(
  { kind, name, content }: NftDefinition,
  elements: readonly NftElement[],
): readonly string[] {
  const statements = content.split('; ').map((statement) => `    ${statement}`);
  const all = elements.map(elementText).join(', ');
  const lines = elements.length === 0 ? [] : [`    elements = { ${all} }`];
  return [`  ${kind} ${name} {`, ...statements, ...lines, '  }'];
}

function chainLines(chain: NftChain): readonly string[] {
  const place = chain.place === '' ? [] : [`    ${chain.place}`];
  return [
    `  chain ${chain.name} {`,
    ...place,
    ...ruleTexts(chain).map((rule) => `    ${rule}`),
    '  }',
  ];
}

function ruleTexts(chain: NftChain): readonly string[] {
  if (chain.wanted === undefined) throw new Error(`the rules of chain ${chain.name} are unknown`);
  return chain.wanted.rules.map((rule) => `${rule} comment "${ruleComment(chain)}"`);
}

function elementText({ element, content }: NftElement): string {
  return content === '' ? element : `${element} : ${content}`;
}

function inOrder(chains: readonly NftChain[]): readonly NftChain[] {
  return chains.toSorted((left, right) => rankOf(left) - rankOf(right));
}

function rankOf({ wanted }: NftChain): number {
  return wanted?.rank ?? 0;
}

function isChain(entry: NftEntry): entry is NftChain {
  return entry.kind === 'chain';
}

export function isElement(entry: NftEntry): entry is NftElement {
  return entry.kind === 'element';
}

function isDefinition(entry: NftEntry): entry is NftDefinition {
  return !isChain(entry) && !isElement(entry);
}

function isCounter(entry: NftEntry): entry is NftDefinition {
  return entry.kind === 'counter';
}

export function isCollection(entry: NftEntry): entry is NftDefinition {
  return entry.kind === 'set' || entry.kind === 'map';
}

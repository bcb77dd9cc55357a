// The table `inet heddle` in memory, behind the same port as libnftables. It understands the commands that this program
// writes, and refuses what the kernel refuses: names that are not there, what is there already as something else, and the
// deletion of what rules use. A call happens as a whole or not at all.

import type { NftRunner } from '../../src/datapath/nft/table.ts';
import { KernelError } from '../../src/kernel/errno.ts';
import { type Prefix, parsePrefix, prefixesOverlap } from '../../src/net/prefix.ts';
import { listingOf } from './fake-nft-listing.ts';
import type { FakeCollection, FakeNftTable, FakeRule } from './fake-nft-table.ts';

const name = 'inet heddle';

export class FakeNft implements NftRunner {
  table: FakeNftTable | undefined;
  /** Each call that changed something: `replace`, `delete`, or the lines of a transaction. */
  readonly calls: (readonly string[])[] = [];
  /** Refuses transactions that it returns true for. */
  refuses: (lines: readonly string[]) => boolean = () => false;
  #handles = 0;
  #listed: { readonly table: FakeNftTable; readonly items: readonly unknown[] } | undefined;

  apply(commands: string | object): void {
    const lines = String(commands).split('\n');
    if (this.refuses(lines)) throw refused('EBUSY', lines[0] ?? '');
    this.table = this.#performed(lines, this.table);
    this.calls.push(lines);
  }

  replaceTable(_family: string, _name: string, body: string): void {
    if (this.refuses(['replace'])) throw refused('EBUSY', 'replace');
    const empty = { counters: new Map(), collections: new Map(), chains: new Map() };
    this.table = this.#performed(commandsOf(body), { ...empty, handle: ++this.#handles });
    this.calls.push(['replace']);
  }

  deleteTable(): boolean {
    const wasThere = this.table !== undefined;
    this.table = undefined;
    this.calls.push(['delete']);
    return wasThere;
  }

  listTable(): readonly unknown[] | undefined {
    const { table } = this;
    if (table === undefined) return undefined;
    if (this.#listed?.table !== table) this.#listed = { table, items: listingOf(table) };
    return this.#listed.items;
  }

  ruleBytes(): Buffer {
    const { table } = this;
    if (table === undefined) return Buffer.alloc(0);
    const use = [table.counters, table.collections, table.chains].map(({ size }) => size);
    const rules = [...table.chains.values()].map((chain) => chain.rules);
    return Buffer.from(JSON.stringify([table.handle, use, rules]));
  }

  #performed(lines: readonly string[], before: FakeNftTable | undefined): FakeNftTable {
    if (before === undefined) throw refused('ENOENT', name);
    return lines.reduce((table, line) => this.#perform(table, line), before);
  }

  #perform(table: FakeNftTable, line: string): FakeNftTable {
    for (const [pattern, act] of commands) {
      const [whole, ...parts] = pattern.exec(line) ?? [];
      if (whole !== undefined) return act(table, parts, { line, handle: ++this.#handles });
    }
    throw refused('EINVAL', line);
  }
}

interface Circumstance {
  readonly line: string;
  readonly handle: number;
}

type Act = (table: FakeNftTable, parts: readonly string[], at: Circumstance) => FakeNftTable;

const commands: readonly (readonly [RegExp, Act])[] = [
  [/^add counter inet heddle (\S+)$/, addCounter],
  [/^add (set|map) inet heddle (\S+) \{ (.*); \}$/, addCollection],
  [/^add chain inet heddle (\S+)(?: \{ (.*) \})?$/, addChain],
  [/^add element inet heddle (\S+) \{ (.*) \}$/, addElements],
  [/^delete element inet heddle (\S+) \{ (.*) \}$/, deleteElements],
  [/^add rule inet heddle (\S+) (.*?)(?: comment "(.*)")?$/, addRule],
  [/^flush chain inet heddle (\S+)$/, flushChain],
  [/^delete (chain|set|map|counter) inet heddle (\S+)$/, deleteObject],
];

function addCounter(
  table: FakeNftTable,
  [counter = '']: readonly string[],
  at: Circumstance,
): FakeNftTable {
  if (table.counters.has(counter)) return table;
  return { ...table, counters: new Map([...table.counters, [counter, at.handle]]) };
}

function addCollection(
  table: FakeNftTable,
  [kind, collection = '', content = '']: readonly string[],
  { line, handle }: Circumstance,
): FakeNftTable {
  const was = table.collections.get(collection);
  if (was !== undefined && (was.kind !== kind || was.content !== content))
    throw refused('EEXIST', line);
  if (was !== undefined) return table;
  const elements = new Map<string, string>();
  const added = { kind: kind === 'set' ? 'set' : 'map', content, elements, handle } as const;
  return { ...table, collections: new Map([...table.collections, [collection, added]]) };
}

function addChain(
  table: FakeNftTable,
  [chain = '', place = '']: readonly string[],
  { line, handle }: Circumstance,
): FakeNftTable {
  const was = table.chains.get(chain);
  if (was !== undefined && place !== '' && was.place !== place) throw refused('EEXIST', line);
  if (was !== undefined) return table;
  return { ...table, chains: new Map([...table.chains, [chain, { place, rules: [], handle }]]) };
}

function addElements(
  table: FakeNftTable,
  [collection = '', texts = '']: readonly string[],
  { line }: Circumstance,
): FakeNftTable {
  const elements = new Map(collectionAt(table, collection, line).elements);
  for (const text of texts.split(', ')) {
    const [key = '', value = ''] = text.split(' : ');
    const was = elements.get(key);
    if (was !== undefined && was !== value) throw refused('EEXIST', line);
    if (was === undefined && overlapsAny(key, elements.keys())) throw refused('EEXIST', line);
    elements.set(key, value);
  }
  return withElements(table, collection, elements);
}

function deleteElements(
  table: FakeNftTable,
  [collection = '', texts = '']: readonly string[],
  { line }: Circumstance,
): FakeNftTable {
  const elements = new Map(collectionAt(table, collection, line).elements);
  for (const key of texts.split(', ')) {
    if (!elements.delete(key)) throw refused('ENOENT', line);
  }
  return withElements(table, collection, elements);
}

function addRule(
  table: FakeNftTable,
  [chain = '', text = '', comment = '']: readonly string[],
  { line, handle }: Circumstance,
): FakeNftTable {
  const isThere =
    namesIn(text, /@(\w+)(?!,)\b/g).every((each) => table.collections.has(each)) &&
    namesIn(text, /jump (\S+)/g).every((each) => table.chains.has(each)) &&
    namesIn(text, /counter name "(.*?)"/g).every((each) => table.counters.has(each));
  const was = table.chains.get(chain);
  if (was === undefined || !isThere) throw refused('ENOENT', line);
  return withRules(table, chain, [...was.rules, { text, comment, handle }]);
}

function flushChain(
  table: FakeNftTable,
  [chain = '']: readonly string[],
  { line }: Circumstance,
): FakeNftTable {
  if (!table.chains.has(chain)) throw refused('ENOENT', line);
  return withRules(table, chain, []);
}

// A chain's own rules are deleted with it.
function deleteObject(
  table: FakeNftTable,
  [kind, object = '']: readonly string[],
  { line }: Circumstance,
): FakeNftTable {
  const chains = kind === 'chain' ? without(table.chains, object, line) : table.chains;
  const rules = [...chains.values()].flatMap((chain) => chain.rules).map(({ text }) => text);
  const use =
    { chain: `jump ${object}`, counter: `counter name "${object}"` }[kind ?? ''] ?? `@${object}`;
  const isUsed = rules.some((text) => text === use || `${text} `.includes(`${use} `));
  if (isUsed) throw refused('EBUSY', line);
  if (kind === 'chain') return { ...table, chains };
  if (kind === 'counter') return { ...table, counters: without(table.counters, object, line) };
  return { ...table, collections: without(table.collections, object, line) };
}

function without<Value>(
  all: ReadonlyMap<string, Value>,
  key: string,
  line: string,
): ReadonlyMap<string, Value> {
  if (!all.has(key)) throw refused('ENOENT', line);
  return new Map([...all].filter(([other]) => other !== key));
}

function collectionAt(table: FakeNftTable, collection: string, line: string): FakeCollection {
  const found = table.collections.get(collection);
  if (found === undefined) throw refused('ENOENT', line);
  return found;
}

function withElements(
  table: FakeNftTable,
  collection: string,
  elements: ReadonlyMap<string, string>,
): FakeNftTable {
  const { collections } = table;
  const all = Array.from(
    collections,
    ([each, was]) => [each, each === collection ? { ...was, elements } : was] as const,
  );
  return { ...table, collections: new Map(all) };
}

function withRules(table: FakeNftTable, chain: string, rules: readonly FakeRule[]): FakeNftTable {
  const all = Array.from(
    table.chains,
    ([each, was]) => [each, each === chain ? { ...was, rules } : was] as const,
  );
  return { ...table, chains: new Map(all) };
}

// Of ranges of one family.
function overlapsAny(key: string, others: Iterable<string>): boolean {
  const range = rangeOf(key);
  return (
    range !== undefined &&
    [...others].some((other) => {
      const there = rangeOf(other);
      return there !== undefined && prefixesOverlap(range, there);
    })
  );
}

function rangeOf(key: string): Prefix | undefined {
  return /^\S+\/\d+$/.test(key) ? parsePrefix(key) : undefined;
}

function namesIn(text: string, pattern: RegExp): readonly string[] {
  return Array.from(text.matchAll(pattern), ([, found = '']) => found);
}

/** Definitions first, then elements, then rules: as libnftables reads a table's block. */
function commandsOf(body: string): readonly string[] {
  const blocks = Array.from(
    body.matchAll(/^ {2}(\w+) (\S+) \{\n((?: {4}.*\n)*) {2}\}$/gm),
    ([, kind = '', object = '', lines = '']) => ({
      ...{ kind, object },
      lines: lines
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    }),
  );
  const isPlace = (line: string): boolean => line.startsWith('type ') && line.includes(' hook ');
  const isElements = (line: string): boolean => line.startsWith('elements = ');
  const definitions = blocks.map(({ kind, object, lines }) => {
    const start = `add ${kind} ${name} ${object}`;
    if (kind === 'counter') return start;
    if (kind === 'chain') {
      const place = lines.find(isPlace);
      return place === undefined ? start : `${start} { ${place} }`;
    }
    return `${start} { ${lines.filter((line) => !isElements(line)).join('; ')}; }`;
  });
  const elements = blocks.flatMap(({ object, lines }) =>
    lines
      .filter(isElements)
      .map((line) => `add element ${name} ${object} ${line.replace('elements = ', '')}`),
  );
  const rules = blocks
    .filter(({ kind }) => kind === 'chain')
    .flatMap(({ object, lines }) =>
      lines.filter((line) => !isPlace(line)).map((line) => `add rule ${name} ${object} ${line}`),
    );
  return [...definitions, ...elements, ...rules];
}

function refused(code: string, line: string): KernelError {
  return new KernelError({ call: 'nft', subject: line, code });
}

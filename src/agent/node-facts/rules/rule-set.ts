// Foreign rules as listed by libnftables, in the form used to walk a packet: chains by table, rules in order.

import type { NftFamily } from '../../../kernel/netfilter/nft-family.ts';
import type { XtablesByRule, XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';

/**
 * A statement or match of a rule. Its only key is its kind (libnftables-json(5)); for xtables it has a kind and a name.
 */
export type Expression = Readonly<Record<string, unknown>>;

export interface ListedChain {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  /** Absent: not a base chain. */
  readonly base?: BaseChain;
  readonly rules: readonly (readonly Expression[])[];
}

export interface BaseChain {
  readonly type: string;
  readonly hook: string;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  /** Devices of a device chain. Absent: unknown, because some versions of libnftables omit them. */
  readonly devices?: readonly string[];
}

export interface RuleSet {
  readonly family: NftFamily;
  readonly table: string;
  /** Absent: nftables. */
  readonly origin?: 'iptables-legacy';
  /** By name. */
  readonly chains: ReadonlyMap<string, ListedChain>;
  /** Set if it is not checked and has no chains here: what it has too much of, such as `more than 10000 rules`. */
  readonly tooLarge?: string;
}

/** Maximum per table: this many rules are listed and walked within about a second, on the thread that serves pods. */
export const mostRules = 10_000;

export function passedOver(
  names: TableName & Pick<RuleSet, 'origin'>,
  tooLarge = `more than ${mostRules} rules`,
): RuleSet {
  return { ...names, chains: new Map(), tooLarge };
}

export interface TableName {
  readonly family: NftFamily;
  readonly table: string;
}

/** Chains of a `list chains`, without rules. */
export function readChains(listing: readonly unknown[]): readonly ListedChain[] {
  return listing.flatMap((item) => {
    const chain = record(record(item)?.['chain']);
    if (chain === undefined) return [];
    const { family, table, name } = chain;
    const base = readBase(chain);
    const names = { family: family as NftFamily, table: String(table), name: String(name) };
    return [{ ...names, ...(base === undefined ? {} : { base }), rules: [] }];
  });
}

/** The listing of a table, with the parts that libnftables omits. */
export function readRuleSet(
  { family, table }: TableName,
  listing: readonly unknown[],
  xtables: XtablesByRule,
): RuleSet {
  const rules = new Map<string, (readonly Expression[])[]>();
  const sets = readSets(listing);
  for (const item of listing) {
    const rule = record(record(item)?.['rule']);
    if (rule === undefined) continue;
    const chain = String(rule['chain']);
    const expressions = readExpressions(rule['expr'], xtables.get(Number(rule['handle'])) ?? []);
    const whole = expressions.map((each) => withSets(each, sets));
    const before = rules.get(chain);
    // One array per chain: copying it for each rule would take seconds for tens of thousands of rules.
    if (before === undefined) rules.set(chain, [whole]);
    else before.push(whole);
  }
  const chains = readChains(listing).map(
    (chain) => [chain.name, { ...chain, rules: rules.get(chain.name) ?? [] }] as const,
  );
  return { family, table, chains: new Map(chains) };
}

/** Whether libnftables omits parts of the table's listing. */
export function hasXtables(listing: readonly unknown[]): boolean {
  return listing.some((item) => {
    const expressions = record(record(item)?.['rule'])?.['expr'];
    return Array.isArray(expressions) && expressions.some((each) => 'xt' in (record(each) ?? {}));
  });
}

function readExpressions(
  listed: unknown,
  xtables: readonly XtablesExpression[],
): readonly Expression[] {
  if (!Array.isArray(listed)) return [];
  let place = 0;
  return listed.map((each: unknown): Expression => {
    const expression = record(each) ?? {};
    return 'xt' in expression ? { xt: xtables[place++] } : expression;
  });
}

/** Maximum of all sets: larger ones are blocklists, which take too long to list and to search for each packet. */
export const mostElements = 10_000;

/** Elements of sets and maps, by `@NAME`. */
function readSets(listing: readonly unknown[]): ReadonlyMap<string, readonly unknown[]> {
  const sets = new Map<string, readonly unknown[]>();
  for (const item of listing) {
    const { set, map } = record(item) ?? {};
    const { name, elem = [] } = record(set ?? map) ?? {};
    if (typeof name !== 'string' || !Array.isArray(elem) || elem.length > mostElements) continue;
    sets.set(`@${name}`, elem);
  }
  return sets;
}

/** Replaces named sets by anonymous ones. */
function withSets(
  expression: Expression,
  sets: ReadonlyMap<string, readonly unknown[]>,
): Expression {
  const mangle = record(expression['mangle']);
  if (mangle !== undefined) return { mangle: { ...mangle, value: withMap(mangle['value'], sets) } };
  const [match, vmap] = [record(expression['match']), record(expression['vmap'])];
  const name = match?.['right'] ?? vmap?.['data'];
  const elements = typeof name === 'string' ? sets.get(name) : undefined;
  if (elements === undefined) return expression;
  const set = { set: elements, name };
  return match === undefined
    ? { vmap: { ...vmap, data: set } }
    : { match: { ...match, right: set } };
}

/** `ip daddr map @backends` */
function withMap(value: unknown, sets: ReadonlyMap<string, readonly unknown[]>): unknown {
  const map = record(record(value)?.['map']);
  const name = map?.['data'];
  const set = typeof name === 'string' ? sets.get(name) : undefined;
  return set === undefined ? value : { map: { ...map, data: { set, name } } };
}

function readBase({ hook, type, prio, policy, dev }: Expression): BaseChain | undefined {
  if (typeof hook !== 'string') return undefined;
  return {
    type: String(type),
    hook,
    priority: Number(prio ?? 0),
    policy: policy === 'drop' ? 'drop' : 'accept',
    ...(dev === undefined ? {} : { devices: [dev].flat().map(String) }),
  };
}

export function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? (value as Readonly<Record<string, unknown>>) : undefined;
}

// An element with a comment, a counter or a timeout is an object around its value.
export function elementOf(each: unknown): unknown {
  return record(record(each)?.['elem'])?.['val'] ?? each;
}

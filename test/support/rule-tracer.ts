// Walks a packet through the chains of our nftables table at one hook, as the kernel does, and says which rules matched and
// what became of the packet. `test/kernel/nft-tracer.test.ts` compares it with the kernel's own trace.

import type { NftChain, NftEntry } from '../../src/datapath/nft/entries.ts';
import { parseAddress } from '../../src/net/address.ts';
import { hostPrefix } from '../../src/net/prefix.ts';
import { protocols } from '../../src/net/protocol.ts';
import { isInPrefix, selectorValue, type TracedNode, type TracedPacket } from './traced-packet.ts';
import { type Match, parseRule, parseSelectors, type Statement } from './traced-rule.ts';

export type TracedHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface Trace {
  readonly verdict: 'accept' | 'drop';
  /** Rules whose conditions all matched: `CHAIN NUMBER`, from 1. */
  readonly rules: readonly string[];
  /** Names of counters that counted it. */
  readonly counters: readonly string[];
  /** Translation that began here: `dnat 192.0.2.2:80`, `snat 198.51.100.1`, `masquerade :4790-65535`. */
  readonly nat?: string;
  /** As it goes on. */
  readonly packet: TracedPacket;
}

export interface TracedTable {
  readonly entries: ReadonlyMap<string, NftEntry>;
  readonly node: TracedNode;
}

export function trace(
  { entries, node }: TracedTable,
  hook: TracedHook,
  packet: TracedPacket,
): Trace {
  const walk: Walk = { entries, node, packet, rules: [], counters: [], nat: undefined };
  const verdict = chainsAt(entries, hook).some((chain) => {
    const { state = 'new' } = walk.packet;
    // Only the first packet of a connection is translated, by the first rule that says so.
    const isNat = chain.place.startsWith('type nat ');
    if (isNat && (state !== 'new' || walk.nat !== undefined)) return false;
    return walkChain(walk, chain) === 'drop';
  })
    ? 'drop'
    : 'accept';
  const { rules, counters, nat } = walk;
  return { verdict, rules, counters, packet: walk.packet, ...(nat === undefined ? {} : { nat }) };
}

interface Walk {
  readonly entries: ReadonlyMap<string, NftEntry>;
  readonly node: TracedNode;
  readonly rules: string[];
  readonly counters: string[];
  packet: TracedPacket;
  nat: string | undefined;
}

type Verdict = 'accept' | 'drop' | 'return' | 'continue';

// All chains of type nat are called from one place of each hook. Of two at one place the one that was made last is first.
function chainsAt(entries: ReadonlyMap<string, NftEntry>, hook: TracedHook): readonly NftChain[] {
  const natPriority = hook === 'input' || hook === 'postrouting' ? 100 : -100;
  const chains = [...entries.values()].flatMap((entry) => {
    if (entry.kind !== 'chain') return [];
    const [, type, at, priority] =
      /^type (\w+) hook (\w+) priority (-?\d+);/.exec(entry.place) ?? [];
    if (at !== hook) return [];
    const own = Number(priority);
    return [{ chain: entry, at: type === 'nat' ? natPriority : own, own }];
  });
  return chains
    .toSorted(
      (left, right) =>
        left.at - right.at ||
        left.own - right.own ||
        (right.chain.wanted?.rank ?? 0) - (left.chain.wanted?.rank ?? 0),
    )
    .map(({ chain }) => chain);
}

function walkChain(walk: Walk, { name, wanted }: NftChain): Verdict {
  for (const [index, rule] of (wanted?.rules ?? []).entries()) {
    const verdict = walkRule(walk, rule, `${name} ${index + 1}`);
    if (verdict === 'return') return 'continue';
    if (verdict !== 'continue') return verdict;
  }
  return 'continue';
}

// A rule counts as matched where all its matches hold and its statements could be performed.
function walkRule(walk: Walk, text: string, label: string): Verdict {
  const parts = parseRule(text);
  const isMatched = parts.every((part) => part.kind !== 'match' || matches(walk, part));
  if (!isMatched) return 'continue';
  const at = walk.rules.length;
  for (const part of parts) {
    if (part.kind !== 'statement') continue;
    const verdict = perform(walk, part);
    if (verdict === 'break') return 'continue';
    if (verdict === 'continue' && part.name !== 'jump') continue;
    walk.rules.splice(at, 0, label);
    return verdict;
  }
  walk.rules.push(label);
  return 'continue';
}

function perform(walk: Walk, { name, words }: Statement): Verdict | 'break' {
  const last = words.at(-1) ?? '';
  switch (name) {
    case 'accept':
    case 'drop':
    case 'return':
      return name;
    case 'jump':
      return jump(walk, last);
    case 'counter name':
      walk.counters.push(JSON.parse(last));
      return 'continue';
    case 'meta mark set':
      walk.packet = { ...walk.packet, mark: Number(last) };
      return 'continue';
    case 'meta priority set':
      walk.packet = { ...walk.packet, priority: last };
      return 'continue';
    case 'notrack':
      walk.packet = { ...walk.packet, state: 'untracked' };
      return 'continue';
    case 'masquerade':
      walk.nat = 'masquerade';
      return 'accept';
    case 'masquerade to':
      walk.nat = `masquerade ${last}`;
      return 'accept';
    case 'snat':
      walk.nat = `snat ${last}`;
      return 'accept';
    case 'dnat':
      return translate(walk, words);
    default:
      throw new Error(`unknown statement: ${name}`);
  }
}

function jump(walk: Walk, target: string): Verdict {
  const chain = walk.entries.get(`chain ${target}`);
  if (chain?.kind !== 'chain') throw new Error(`no chain ${target}`);
  return walkChain(walk, chain);
}

// `dnat ip to SELECTORS map @NAME`
function translate(walk: Walk, words: readonly string[]): Verdict | 'break' {
  const [selectors] = parseSelectors(words.slice(3));
  const key = keyOf(walk, selectors);
  const found =
    key === undefined ? undefined : walk.entries.get(`element ${words.at(-1)?.slice(1)} ${key}`);
  if (found?.kind !== 'element') return 'break';
  const [destination = '', port = ''] = found.content.split(' . ');
  walk.nat = `dnat ${destination.includes(':') ? `[${destination}]` : destination}:${port}`;
  walk.packet = { ...walk.packet, destination, destinationPort: Number(port), isDnat: true };
  return 'accept';
}

function matches(walk: Walk, { selectors, mask, isNegated, isLeast, value }: Match): boolean {
  const key = keyOf(walk, selectors);
  if (key === undefined) return false;
  if (isLeast === true) return Number(key) >= Number(value);
  const masked = mask === undefined ? key : String(Number(key) & mask);
  const isIn = value.startsWith('@')
    ? isInSet(walk, value.slice(1), masked)
    : valuesOf(value).some((each) => isValue(masked, each));
  return isIn !== isNegated;
}

function keyOf({ packet, node }: Walk, selectors: readonly string[]): string | undefined {
  const values = selectors.map((selector) => selectorValue(selector, packet, node));
  return values.includes(undefined) ? undefined : values.join(' . ');
}

function isInSet({ entries }: Walk, name: string, key: string): boolean {
  const set = entries.get(`set ${name}`);
  if (set?.kind !== 'set') throw new Error(`no set ${name}`);
  if (!set.content.endsWith('flags interval')) return entries.has(`element ${name} ${key}`);
  if (entries.has(`element ${name} ${hostPrefix(parseAddress(key))}`)) return true;
  return [...entries.values()].some(
    (entry) => entry.kind === 'element' && entry.of === name && isInPrefix(key, entry.element),
  );
}

function valuesOf(text: string): readonly string[] {
  return text
    .replace(/^\{|\}$/g, '')
    .split(',')
    .map((each) => each.trim());
}

function isValue(key: string, value: string): boolean {
  if (value.startsWith('"')) {
    const name: string = JSON.parse(value);
    return name.endsWith('*') ? key.startsWith(name.slice(0, -1)) : key === name;
  }
  if (value.startsWith('0x')) return Number(key) === Number(value);
  if (value.includes('/')) return isInPrefix(key, value);
  return key === value || (value in protocols && key === String(protocols[value as 'udp']));
}

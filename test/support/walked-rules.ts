// Rules as tables: each is walked by a described packet, and the result is one line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Packet } from '../../src/agent/node-facts/rules/packet.ts';
import { walk } from '../../src/agent/node-facts/rules/packet-walk.ts';
import { readRuleSet } from '../../src/agent/node-facts/rules/rule-set.ts';
import { parseAddress } from '../../src/net/address.ts';

export const request: Packet = {
  source: parseAddress('198.51.100.2'),
  destination: parseAddress('203.0.113.9'),
  input: 'hd00000000001',
  output: 'eth0',
  protocol: 'tcp',
  sourcePort: 40000,
  destinationPort: 443,
  state: 'new',
};
export const request6: Packet = {
  ...request,
  source: parseAddress('2001:db8::2'),
  destination: parseAddress('2001:db8:9::9'),
};
export const tunnel: Packet = {
  ...request,
  protocol: 'udp',
  destinationPort: 4789,
  state: 'untracked',
};

type Json = Readonly<Record<string, unknown>>;
export const accept: Json = { accept: null };
export const drop: Json = { drop: null };
export const match = (left: unknown, right: unknown, op = '=='): Json => ({
  match: { op, left, right },
});
export const meta = (key: string): Json => ({ meta: { key } });
export const ct = (key: string): Json => ({ ct: { key } });
export const payload = (protocol: string, field: string): Json => ({
  payload: { protocol, field },
});
export const saddr: Json = payload('ip', 'saddr');
export const prefixJson = (addr: string, len: number): Json => ({ prefix: { addr, len } });
export const jump = (target: string, kind: 'jump' | 'goto' = 'jump'): Json => ({
  [kind]: { target },
});

export const set = (key: unknown, value: unknown): Json => ({ mangle: { key, value } });

export interface WalkCase {
  readonly what: string;
  readonly rules: readonly (readonly Json[])[];
  readonly chains?: Readonly<Record<string, readonly (readonly Json[])[]>>;
  readonly policy?: 'accept' | 'drop';
  /** Elements by name. */
  readonly sets?: Readonly<Record<string, readonly unknown[]>>;
  readonly maps?: Readonly<Record<string, readonly unknown[]>>;
  readonly packet?: Packet;
  readonly expected: string;
}

export function testWalks(cases: readonly WalkCase[]): void {
  for (const { chains = {}, policy = 'accept', packet = request, ...each } of cases) {
    const { what, expected } = each;
    test(`${what}: ${expected}`, () => {
      assert.equal(outcome({ ...each, chains, policy }, packet), expected);
    });
  }
}

type Walked = Required<Pick<WalkCase, 'rules' | 'chains' | 'policy'>> &
  Pick<WalkCase, 'sets' | 'maps'>;

export function outcome(
  { rules, chains, policy, sets = {}, maps = {} }: Walked,
  packet: Packet,
  xtables: Parameters<typeof readRuleSet>[2] = new Map(),
): string {
  const table = { family: 'inet', table: 't' } as const;
  const base = { type: 'filter', hook: 'forward', prio: 0, policy };
  const all = Object.entries({ base: rules, ...chains });
  let handle = 0;
  const listing: Json[] = all.flatMap(([name, own]) => [
    { chain: { ...table, name, ...(name === 'base' ? base : {}) } },
    ...own.map((expr) => ({ rule: { ...table, chain: name, handle: ++handle, expr } })),
  ]);
  for (const [name, elem] of Object.entries(sets)) listing.push({ set: { ...table, name, elem } });
  for (const [name, elem] of Object.entries(maps)) listing.push({ map: { ...table, name, elem } });
  const ruleSet = readRuleSet(table, listing, xtables);
  const chain = ruleSet.chains.get('base') ?? assert.fail();
  const {
    kind,
    by,
    chain: where,
    isUnsure,
    tracking,
    rule,
    rewritings,
  } = walk(ruleSet, chain, packet);
  const text = kind === 'may drop' ? `: ${rule}` : '';
  const place = kind !== 'passes' ? ` by ${by}${where === 'base' ? '' : ` of ${where}`}` : '';
  const unsure = kind === 'drops' && isUnsure ? ', unsure' : '';
  const written = rewritings.map(({ what }) => `, ${what}`).join('');
  return `${kind}${place}${unsure}${text}${tracking === undefined ? '' : `, ${tracking.what}`}${written}`;
}

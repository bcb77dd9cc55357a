// Rule sets as large as tenants can make them: in mode iptables, kube-proxy writes a rule for each port of a Service
// without endpoints.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elementsTouched } from '../../../../test/support/counted-arrays.ts';
import { readLegacyTables } from '../../../../test/support/legacy-tables.ts';
import { request } from '../../../../test/support/walked-rules.ts';
import { legacyReading } from './legacy-text.ts';
import { walk } from './packet-walk.ts';
import { mostRules, type RuleSet, readRuleSet } from './rule-set.ts';

const count = 100_000;
const addresses = Array.from({ length: count }, (_, index) => {
  return `10.96.${(index >> 8) & 255}.${index & 255}`;
});
const names = { family: 'ip', table: 'filter' } as const;

function listed(): readonly unknown[] {
  const base = { type: 'filter', hook: 'forward', prio: 0, policy: 'accept' };
  const jump = { rule: { ...names, chain: 'FORWARD', expr: [{ jump: { target: 'SERVICES' } }] } };
  const left = { payload: { protocol: 'ip', field: 'daddr' } };
  return [
    { chain: { ...names, name: 'FORWARD', ...base } },
    { chain: { ...names, name: 'SERVICES' } },
    jump,
    ...addresses.map((right, handle) => {
      const expr = [{ match: { op: '==', left, right } }, { xt: null }, { counter: null }];
      return { rule: { ...names, chain: 'SERVICES', handle, expr: [...expr, { reject: null }] } };
    }),
  ];
}

function legacyText(most: number): string {
  return [
    '*filter',
    ':FORWARD ACCEPT [0:0]',
    ':SERVICES - [0:0]',
    '-A FORWARD -j SERVICES',
    ...addresses
      .slice(0, most)
      .map((to) => `-A SERVICES -d ${to}/32 -p tcp -m tcp --dport 80 -j REJECT`),
    'COMMIT',
  ].join('\n');
}

// Far more than one rule with its parts, far less than all rules.
const perRule = 500;

for (const [what, make] of [
  [
    'nftables',
    () =>
      (
        (all) => () =>
          readRuleSet(names, all, new Map())
      )(listed()),
  ],
  [
    'iptables-legacy',
    () =>
      (
        (text) => () =>
          readLegacyTables('ip', text)[0]
      )(legacyText(mostRules - 1)),
  ],
] as const) {
  test(`reading and walking rules of ${what} takes work proportional to their number`, () => {
    const read = make();
    let rules: RuleSet | undefined;
    elementsTouched(() => {
      rules = read();
    }, count * perRule);
    const chain = rules?.chains.get('FORWARD');
    assert.ok(rules !== undefined && chain !== undefined);
    assert.ok((rules.chains.get('SERVICES')?.rules.length ?? 0) >= mostRules - 1);
    const set = rules;
    elementsTouched(() => {
      assert.equal(walk(set, chain, request).kind, 'passes');
    }, count * perRule);
  });
}

test('a table of iptables-legacy is read in pieces, and one with too many rules is not read', () => {
  const pieces = [...legacyReading('ip', legacyText(5_000))].length;
  assert.equal(pieces, 5);
  const [table] = readLegacyTables('ip', legacyText(mostRules));
  assert.deepEqual([table?.tooLarge, table?.chains.size], ['more than 10000 rules', 0]);
});

test('a walk over chains with exponentially many paths stops at a limit', () => {
  const depth = 14;
  const jumps = Array.from({ length: 20 }, () => 1);
  const listing = Array.from({ length: depth }, (_, level) => {
    const chain = level === 0 ? 'FORWARD' : `L${level}`;
    const target = `L${level + 1}`;
    const base = { type: 'filter', hook: 'forward', prio: 0, policy: 'accept' };
    return [
      { chain: { ...names, name: chain, ...(level === 0 ? base : {}) } },
      ...jumps.map(() => ({ rule: { ...names, chain, expr: [{ jump: { target } }] } })),
    ];
  }).flat();
  const rules = readRuleSet(names, listing, new Map());
  const chain = rules.chains.get('FORWARD') ?? assert.fail();
  assert.equal(walk(rules, chain, request).isUnsure, true);
});

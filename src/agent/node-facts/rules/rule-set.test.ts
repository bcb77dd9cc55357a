// Rule sets as large as tenants can make them: kube-proxy's mode iptables writes a rule for each port of a Service without
// endpoints.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elementsTouched } from '../../../../test/support/counted-arrays.ts';
import { request } from '../../../../test/support/walked-rules.ts';
import { readLegacyTables } from './legacy-text.ts';
import { walk } from './packet-walk.ts';
import { type RuleSet, readRuleSet } from './rule-set.ts';

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

function legacyText(): string {
  return [
    '*filter',
    ':FORWARD ACCEPT [0:0]',
    ':SERVICES - [0:0]',
    '-A FORWARD -j SERVICES',
    ...addresses.map((to) => `-A SERVICES -d ${to}/32 -p tcp -m tcp --dport 80 -j REJECT`),
    'COMMIT',
  ].join('\n');
}

// Far more than a rule with its parts takes, far less than all rules.
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
      )(legacyText()),
  ],
] as const) {
  test(`rules of ${what} are read and walked with work that grows as their number`, () => {
    const read = make();
    let rules: RuleSet | undefined;
    elementsTouched(() => {
      rules = read();
    }, count * perRule);
    const chain = rules?.chains.get('FORWARD');
    assert.ok(rules !== undefined && chain !== undefined);
    assert.equal(rules.chains.get('SERVICES')?.rules.length, count);
    const set = rules;
    elementsTouched(() => {
      assert.equal(walk(set, chain, request).kind, 'passes');
    }, count * perRule);
  });
}

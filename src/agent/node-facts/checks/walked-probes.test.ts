// Several foreign chains: a later one reads what an earlier one wrote.

import { testFacts } from '../../../../test/support/fact-rows.ts';
import type { ObservedChange } from '../../../../test/support/sound-node.ts';
import { readRuleSet } from '../rules/rule-set.ts';

interface OneRule {
  readonly hook: string;
  readonly type?: 'filter' | 'nat' | 'route';
  readonly prio?: number;
  readonly policy?: 'accept' | 'drop';
  readonly expr: readonly object[];
}

/** One table for each. */
function tables(...all: readonly OneRule[]): ObservedChange {
  const ruleSets = all.map(
    ({ type = 'filter', hook, prio = 0, policy = 'accept', expr }, index) => {
      const names = { family: 'ip', table: `t${index}` } as const;
      const chain = { ...names, name: 'c', type, hook, prio, policy };
      const rule = { ...names, chain: 'c', handle: 1, expr };
      return readRuleSet(names, [{ chain }, { rule }], new Map());
    },
  );
  return { kernel: { ruleSets } };
}

const match = (left: object, right: unknown): object => ({ match: { op: '==', left, right } });
const set = (key: object, value: unknown): object => ({ mangle: { key, value } });
const mark = { meta: { key: 'mark' } };
const daddr = { payload: { protocol: 'ip', field: 'daddr' } };
const drop = { drop: null };
const accept = { accept: null };
const limit = { limit: { rate: 1, per: 'second' } };

testFacts([
  [
    'a mark that one chain sets and the next one drops',
    'forward-hooks',
    tables(
      { hook: 'forward', expr: [match(mark, 5), drop] },
      { hook: 'prerouting', expr: [set(mark, 5)] },
    ),
    /^problem: chain c of table ip t0 \(hook forward, rule 1\) drops packets of pods to outside/,
  ],
  [
    'a mark that one chain sets and the next one accepts',
    'forward-hooks',
    tables(
      { hook: 'forward', policy: 'drop', expr: [match(mark, 5), accept] },
      { hook: 'forward', prio: -1, expr: [set(mark, 5)] },
    ),
    undefined,
  ],
  [
    'a mark that is set for some destinations alone before Services are translated',
    'forward-hooks',
    tables(
      { hook: 'forward', policy: 'drop', expr: [match(mark, 5), accept] },
      { hook: 'prerouting', expr: [match(daddr, '203.0.113.7'), set(mark, 5)] },
      { hook: 'prerouting', prio: 1, expr: [match(daddr, '9.9.9.9'), set(mark, 5)] },
    ),
    /^problem: chain c of table ip t0 \(hook forward, policy drop\) drops replies from outside to pods/,
  ],
  [
    'a mark that a later chain sets',
    'forward-hooks',
    tables(
      { hook: 'forward', prio: -1, expr: [match(mark, 5), drop] },
      { hook: 'forward', expr: [set(mark, 5)] },
    ),
    undefined,
  ],
  [
    'a drop of a destination that is another by then',
    'forward-hooks',
    tables(
      { hook: 'prerouting', expr: [set(daddr, '192.0.2.77')] },
      { hook: 'forward', expr: [match(daddr, '9.9.9.9'), drop] },
    ),
    undefined,
  ],
  [
    'a drop of a destination that may be another by then',
    'forward-hooks',
    tables(
      { hook: 'prerouting', expr: [limit, set(daddr, '192.0.2.77')] },
      { hook: 'forward', expr: [match(daddr, '9.9.9.9'), drop] },
    ),
    /^note: chain c of table ip t1 \(hook forward, rule 1\) may drop packets of pods to outside/,
  ],
  [
    'a chain of translation that drops new connections',
    'forward-hooks',
    tables({ type: 'nat', hook: 'postrouting', expr: [drop] }),
    /^problem: chain c of table ip t0 \(hook postrouting, rule 1\) drops packets of pods to outside/,
  ],
  [
    'a chain of routing that drops what the node sends',
    'local-hooks',
    tables({ type: 'route', hook: 'output', expr: [drop] }),
    /^problem: chain c of table ip t0 \(hook output, rule 1\) drops the node's own connections to its pods/,
  ],
  [
    'packets that are said to be for another host',
    'forward-hooks',
    tables({ hook: 'prerouting', expr: [set({ meta: { key: 'pkttype' } }, 'other')] }),
    /^problem: chain c of table ip t0 \(hook prerouting, rule 1\) drops packets of pods to outside/,
  ],
]);

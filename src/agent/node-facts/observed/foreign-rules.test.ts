import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForeignRules, type RuleListing, RulesNotListed } from './foreign-rules.ts';

const chain = (
  table: string,
  hook: string | undefined,
  family = 'ip',
  type = 'filter',
): object => ({
  chain: { family, table, name: 'c', ...(hook === undefined ? {} : { hook, type, prio: 0 }) },
});

interface FakeKernel {
  generation: number;
  nowMs: number;
  readonly takesMs: number;
  readonly listed: string[];
}

function listing(kernel: FakeKernel, chains: readonly object[]): RuleListing {
  return {
    generation: () => kernel.generation,
    listChains: () => chains,
    listTable: (family, name) => {
      kernel.nowMs += kernel.takesMs;
      kernel.listed.push(`${family} ${name}`);
      return name === 'gone' ? undefined : chains;
    },
    hasMoreRules: (_, of) => of?.table === 'huge',
    listSets: () => ({ sets: [], isWhole: true }),
    countElements: () => 0,
    listTerse: () => [],
    listSet: () => undefined,
    listXtables: () => new Map(),
    listChainDevices: (family) =>
      new Map(family === 'netdev' ? [['out c', ['docker0', 'eth7']]] : []),
  };
}

test("tables that filter or translate at hooks of pods' packets are listed, except heddle's and kube-proxy's", () => {
  const kernel: FakeKernel = { generation: 1, nowMs: 0, takesMs: 0, listed: [] };
  const rules = new ForeignRules(
    listing(kernel, [
      chain('filter', 'forward'),
      chain('filter', 'input'),
      chain('nat', 'postrouting', 'ip', 'nat'),
      chain('plain', undefined),
      ...Array.from({ length: 200 }, () => chain('services', undefined)),
      chain('services', 'prerouting', 'ip', 'nat'),
      chain('own', 'output', 'ip', 'nat'),
      chain('heddle', 'forward', 'inet'),
      chain('kube-proxy', 'forward', 'ip6'),
      chain('bridge', 'forward', 'bridge'),
      chain('gone', 'forward'),
      chain('raw', 'prerouting', 'ip6'),
      chain('out', 'egress', 'netdev'),
      chain('routed', 'output', 'ip', 'route'),
    ]),
    () => kernel.nowMs,
  );
  assert.deepEqual(
    rules.look().map(({ family, table }) => `${family} ${table}`),
    ['ip filter', 'ip nat', 'ip6 raw', 'netdev out', 'ip routed'],
  );
  assert.deepEqual(kernel.listed, [
    'ip filter',
    'ip nat',
    'ip gone',
    'ip6 raw',
    'netdev out',
    'ip routed',
  ]);
});

test('a table with too many rules is not listed but reported as not checked', () => {
  const kernel: FakeKernel = { generation: 1, nowMs: 0, takesMs: 0, listed: [] };
  const chains = [chain('huge', 'forward'), chain('filter', 'forward')];
  const rules = new ForeignRules(listing(kernel, chains), () => kernel.nowMs);
  assert.deepEqual(
    rules.look().map(({ table, tooLarge }) => [table, tooLarge]),
    [
      ['huge', 'more than 10000 rules'],
      ['filter', undefined],
    ],
  );
  assert.deepEqual(kernel.listed, ['ip filter']);
});

test('nothing is listed while nothing changes, and a long listing is not repeated soon', () => {
  const kernel: FakeKernel = { generation: 1, nowMs: 0, takesMs: 100, listed: [] };
  const rules = new ForeignRules(listing(kernel, [chain('filter', 'forward')]), () => kernel.nowMs);
  const first = rules.look();
  kernel.nowMs += 60_000;
  assert.equal(rules.look(), first, 'the same while the generation is');
  kernel.generation++;
  assert.notEqual(rules.look(), first);
  kernel.generation++;
  kernel.nowMs += 19_000;
  rules.look();
  assert.equal(kernel.listed.length, 2, 'it rests');
  kernel.nowMs += 2_000;
  rules.look();
  assert.equal(kernel.listed.length, 3);
});

test('a listing that took long rests for a minute, and is not believed after a change', () => {
  const kernel: FakeKernel = { generation: 1, nowMs: 0, takesMs: 7_400, listed: [] };
  const rules = new ForeignRules(listing(kernel, [chain('filter', 'forward')]), () => kernel.nowMs);
  const first = rules.look();
  kernel.nowMs += 30_000;
  assert.equal(rules.look(), first, 'nothing has changed');
  kernel.generation++;
  assert.throws(() => rules.look(), RulesNotListed);
  kernel.generation--;
  assert.equal(rules.look(), first);
  kernel.generation++;
  kernel.nowMs += 31_000;
  assert.notEqual(rules.look(), first);
  assert.equal(kernel.listed.length, 2);
});

test('devices that a listing omits are requested, and those that it has are kept', () => {
  const kernel: FakeKernel = { generation: 1, nowMs: 0, takesMs: 0, listed: [] };
  const named = {
    chain: { family: 'netdev', table: 'out', name: 'd', hook: 'egress', dev: 'eth0' },
  };
  const chains = [chain('out', 'egress', 'netdev'), named];
  const rules = new ForeignRules(listing(kernel, chains), () => kernel.nowMs);
  const found = rules.look().flatMap((each) => [...each.chains.values()]);
  assert.deepEqual(
    found.map(({ name, base }) => [name, base?.devices]),
    [
      ['c', ['docker0', 'eth7']],
      ['d', ['eth0']],
    ],
  );
});

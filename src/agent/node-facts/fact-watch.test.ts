import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeDesired } from '../../../test/support/compute-desired.ts';
import { KeyedCollection } from '../../base/collections/collection.ts';
import { InputError } from '../../base/input-error.ts';
import { emptyClusterState } from '../../cluster/state.ts';
import { KernelError } from '../../kernel/errno.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { HostListing } from '../host/facts.ts';
import { type NodeFact, note, problem } from './checks/fact.ts';
import { FactWatch, factProblems } from './fact-watch.ts';
import { RulesNotListed } from './observed/foreign-rules.ts';
import type { ObservedKernel } from './observed/observed-node.ts';
import { readSeparately } from './observed/separately.ts';

const config = {
  nodeName: 'node-1',
  mode: 'native',
  masquerade: true,
  nonMasqueradeCidrs: [],
  vxlan: { port: 4789, vni: 1 },
} as const;
const cluster = emptyClusterState;
const desired = computeDesired({ config, cluster, endpoints: [], host: { uplinks: [] } });
const host: HostListing = { links: [], addresses: [], routes: [], hasIpsec: false };
const still = {
  ruleSets: [],
  policyRules: [],
  policyRoutes: [],
  isPolicyWhole: true,
  localRoutes: [],
  areLocalRoutesWhole: true,
  foreignNeighbours: [],
};

function kernel(connections: number, change: Partial<ObservedKernel> = {}): ObservedKernel {
  return {
    host,
    settings: new Map([
      ['net/ipv4/ipfrag_high_thresh', '100'],
      ['net/netfilter/nf_conntrack_count', String(connections)],
      ['net/netfilter/nf_conntrack_max', '100'],
    ]),
    ...still,
    legacyTables: { read: [], unread: [], trouble: undefined },
    foreignPrograms: [],
    cgroupPrograms: [],
    neighbourOverflows: 0,
    fragmentBytes: 0,
    failedInserts: 0,
    ...change,
  };
}

function fact(id: string, check: NodeFact['check']): NodeFact {
  return { id, title: 't', remedy: { text: 'r' }, check };
}

test('problems come before notes, and both are bounded and printable', () => {
  const many = Array.from({ length: 5 }, (_, index) => problem(`p${index}`));
  const watch = new FactWatch({ look: () => kernel(1) }, [
    fact('mixed', () => [note('n'), problem('p')]),
    fact('many', () => many),
    fact('long', () => [note('x'.repeat(5000))]),
    fact('wild', () => [problem('chain \u001b[2Jé\n')]),
    fact('fine', () => []),
    { ...fact('told', () => []), describe: () => 'as 192.0.2.1' },
  ]);
  watch.look({ host, desired, nodeAddresses: [] });
  assert.deepEqual(
    watch.views.map(({ id, state, text }) => [id, state, text?.slice(0, 40)]),
    [
      ['mixed', 'problem', 'p; n'],
      ['many', 'problem', 'p0; p1; p2; and 2 more'],
      ['long', 'note', 'x'.repeat(40)],
      ['wild', 'problem', 'chain ?[2J??'],
      ['fine', 'ok', undefined],
      ['told', 'ok', 'as 192.0.2.1'],
    ],
  );
  assert.equal(watch.views[2]?.text?.length, 1004);
  assert.deepEqual(factProblems(watch.views).slice(0, 1), [
    { kind: 'node-fact', subject: 'mixed', text: 'mixed: p; n' },
  ]);
});

test('while the kernel cannot be queried, every fact is unknown', () => {
  let fails = true;
  const error = new KernelError({ call: 'rule list', subject: 'IPv4', code: 'EPERM' });
  const watch = new FactWatch(
    {
      look: () => {
        if (fails) throw error;
        return kernel(1);
      },
    },
    [fact('a', () => [])],
  );
  watch.look({ host, desired, nodeAddresses: [] });
  assert.deepEqual(watch.views, [{ id: 'a', state: 'unknown', text: error.message }]);
  assert.deepEqual(factProblems(watch.views), []);
  fails = false;
  watch.look({ host, desired, nodeAddresses: [] });
  assert.deepEqual(watch.views, [{ id: 'a', state: 'ok' }]);
});

test('a fact that cannot be checked is unknown after any error, and the error is logged once', () => {
  const lines: string[] = [];
  let kernelFails = false;
  let seen = 0;
  const observer = {
    look: (): ObservedKernel => {
      if (kernelFails) throw new RangeError('not as expected');
      return kernel(++seen, { neighbourOverflows: seen });
    },
  };
  const bad = fact('bad', () => {
    throw new InputError({ object: 'prefix', value: 'x', rule: 'is none' });
  });
  const log = { error: (_: object, text: string): void => void lines.push(text) };
  const watch = new FactWatch(observer, [bad, fact('good', () => [problem('p')])], log);
  for (let index = 0; index < 3; index++) watch.look({ host, desired, nodeAddresses: [] });
  assert.deepEqual(watch.views, [
    { id: 'bad', state: 'unknown', text: 'prefix: x is none' },
    { id: 'good', state: 'problem', text: 'p' },
  ]);
  assert.deepEqual(lines, ['bad: cannot be checked']);
  kernelFails = true;
  for (let index = 0; index < 3; index++) watch.look({ host, desired, nodeAddresses: [] });
  assert.deepEqual(
    watch.views.map(({ state, text }) => [state, text]),
    [
      ['unknown', 'not as expected'],
      ['unknown', 'not as expected'],
    ],
  );
  assert.deepEqual(lines.slice(1), ['facts about the node: cannot be checked']);
});

test('rules that are not listed again yet make a fact unknown, which is not logged', () => {
  const lines: string[] = [];
  const parts = readSeparately<Pick<ObservedKernel, 'ruleSets'>>({
    ruleSets: () => {
      throw new RulesNotListed('rules have changed');
    },
  });
  const look = (): ObservedKernel => {
    const { ruleSets: _, ...others } = kernel(1);
    return Object.defineProperties(
      others,
      Object.getOwnPropertyDescriptors(parts),
    ) as ObservedKernel;
  };
  const log = { error: (_: object, text: string): void => void lines.push(text) };
  const needing = fact('rules', (node) => node.kernel.ruleSets.map(() => note('n')));
  const watch = new FactWatch({ look }, [needing], log);
  watch.look({ host, desired, nodeAddresses: [] });
  assert.deepEqual(watch.views, [
    { id: 'rules', state: 'unknown', text: 'rule sets: rules have changed' },
  ]);
  assert.deepEqual(lines, []);
});

test('a listing that fails makes only the facts unknown that need it, and names itself', () => {
  const error = new KernelError({ call: 'rule list', subject: 'IPv4', code: 'EPERM' });
  let fails = true;
  const look = (): ObservedKernel => {
    const { settings, policyRules, ...others } = kernel(1);
    const failing = <Value>(value: Value) => {
      if (fails) throw error;
      return value;
    };
    const parts = readSeparately<Pick<ObservedKernel, 'settings' | 'policyRules'>>({
      settings: () => failing(settings),
      policyRules: () => failing(policyRules),
    });
    return Object.defineProperties(
      others,
      Object.getOwnPropertyDescriptors(parts),
    ) as ObservedKernel;
  };
  const watch = new FactWatch({ look }, [
    fact('rules', (node) => node.kernel.policyRules.map(() => note('n'))),
    fact('routes', (node) => node.kernel.localRoutes.map(() => note('n'))),
  ]);
  const routes = { id: 'routes', state: 'ok' };
  for (const _ of ['first', 'second']) {
    watch.look({ host, desired, nodeAddresses: undefined });
    const text = `policy rules: ${error.message}`;
    assert.deepEqual(watch.views, [{ id: 'rules', state: 'unknown', text }, routes]);
  }
  fails = false;
  watch.look({ host, desired, nodeAddresses: undefined });
  assert.deepEqual(watch.views, [{ id: 'rules', state: 'ok' }, routes]);
});

test('nothing is checked again while nothing changes except tracked connections', () => {
  let checks = 0;
  let seen = kernel(1);
  const watch = new FactWatch({ look: (listing) => ({ ...seen, host: listing }) }, [
    fact('a', () => {
      checks++;
      return [];
    }),
  ]);
  const nodeAddresses = undefined;
  const unread = { read: [], unread: ['ip filter'], trouble: 't' };
  const looks: readonly (readonly [ObservedKernel, number])[] = [
    [kernel(1), 1],
    [kernel(2), 1],
    [kernel(60), 2],
    [kernel(61), 3],
    [kernel(61, { legacyTables: unread }), 4],
    [kernel(61, { legacyTables: { ...unread } }), 4],
    [kernel(61, { legacyTables: unread, fragmentBytes: 40 }), 4],
    [kernel(61, { legacyTables: unread, fragmentBytes: 60 }), 5],
    [kernel(61, { ruleSets: [{ family: 'ip', table: 't', chains: new Map() }] }), 6],
  ];
  for (const [next, expected] of looks) {
    seen = next;
    watch.look({ host, desired: { ...desired }, nodeAddresses });
    assert.equal(checks, expected);
  }
  watch.look({ host: { ...host, links: [] }, desired, nodeAddresses });
  watch.look({ host, desired: { ...desired, podRanges: [] }, nodeAddresses });
  assert.equal(checks, 8);
});

test('an endpoint that changes in the same collection is checked', () => {
  const endpoints = new KeyedCollection<string, LocalEndpoint>();
  let checks = 0;
  const watch = new FactWatch({ look: () => kernel(1) }, [
    fact('counted', () => {
      checks++;
      return [];
    }),
  ]);
  const filled = { ...desired, endpoints };
  for (let index = 0; index < 2; index++)
    watch.look({ host, desired: filled, nodeAddresses: undefined });
  assert.equal(checks, 1);
  endpoints.set('hd1', {} as LocalEndpoint);
  watch.look({ host, desired: filled, nodeAddresses: undefined });
  assert.equal(checks, 2);
});

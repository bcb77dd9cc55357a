import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nftEntriesFor } from '../../../test/support/nft-states.ts';
import { trace } from '../../../test/support/rule-tracer.ts';
import { documentationNode, type TracedPacket } from '../../../test/support/traced-packet.ts';
import { KernelError } from '../../kernel/errno.ts';
import { matchesSockets } from './local-sources.ts';

const table = { entries: nftEntriesFor({ tunnelTo: 1 }), node: documentationNode };
const fromPod = {
  source: '2001:db8:1::5',
  destination: '2001:db8:9::9',
  protocol: 'udp',
} as const;
const [syn, reset] = [2, 4];
const begun = ['local_sources 1', 'local_source_check 2'];

const cases: readonly (readonly [
  what: string,
  packet: Partial<TracedPacket>,
  rules: readonly string[],
])[] = [
  ["a local pod's", {}, begun],
  ["another node's pod's", { source: '2001:db8:2::7' }, begun],
  ['the beginning of a connection', { protocol: 'tcp', tcpFlags: syn }, begun],
  ["the node's own in the range", { source: '2001:db8:1::1' }, []],
  ['outside the ranges', { source: '2001:db8:9::9' }, []],
  ['IPv4', { source: '192.0.2.5', destination: '203.0.113.9' }, []],
  ["a transparent proxy's", { isTransparent: true }, ['local_sources 1']],
  [
    "the kernel's for a connection",
    { protocol: 'tcp', tcpFlags: reset },
    ['local_sources 1', 'local_source_check 1'],
  ],
];

for (const [what, packet, rules] of cases) {
  test(`a packet of a local process, its source: ${what}`, () => {
    const traced = trace(table, 'output', { ...fromPod, isTransparent: false, ...packet });
    const isDropped = rules === begun;
    assert.deepEqual(traced.rules, rules);
    assert.equal(traced.verdict, isDropped ? 'drop' : 'accept');
    assert.deepEqual(traced.counters, isDropped ? ['local_source'] : []);
  });
}

test('what has no socket (a REJECT rule, IPVS) passes', () => {
  const traced = trace(table, 'output', fromPod);
  assert.deepEqual([traced.rules, traced.verdict], [['local_sources 1'], 'accept']);
});

test('without IPv6 pods there is no chain', () => {
  assert.equal(nftEntriesFor({ hasPods: false, tunnelTo: 1 }).has('chain local_sources'), false);
});

test('an expression that the kernel lacks is noticed', () => {
  const asked: string[] = [];
  const apply = (commands: string | object): void => void asked.push(String(commands));
  assert.equal(matchesSockets({ apply }), true);
  assert.match(asked.join(), /socket transparent 0\ndelete table inet heddle_attempt$/);
  const refuse = (): never => {
    throw new KernelError({ call: 'nft', subject: 'add rule', code: 'ENOENT' });
  };
  assert.equal(matchesSockets({ apply: refuse }), false);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mirror } from '../../base/collections/mirror.ts';
import type { ClusterNode } from '../../cluster/objects.ts';
import type { ModelConfig, ModelProblem } from '../desired.ts';
import { ownFacts, peerConflicts } from './peer-facts.ts';

const config: ModelConfig = {
  nodeName: 'node-1',
  mode: 'vxlan',
  masquerade: true,
  nonMasqueradeCidrs: [],
  vxlan: { port: 4789, vni: 1 },
};

const node = (name: string, annotations: Record<string, string>) =>
  [name, { name, labels: {}, annotations, podCidrs: [], addresses: [] }] as const;

function conflicts(nodes: ReadonlyMap<string, ClusterNode>): readonly ModelProblem[] {
  const mirror = new Mirror<ClusterNode>();
  mirror.follow(nodes);
  return peerConflicts(config, mirror.entries).values();
}

test('facts are the mode, and the tunnel if there is one', () => {
  assert.deepEqual(ownFacts({ ...config, mode: 'native' }), { 'node.heddle.dev/mode': 'native' });
  assert.deepEqual(ownFacts(config), {
    'node.heddle.dev/mode': 'vxlan',
    'node.heddle.dev/vxlan-vni': '1',
    'node.heddle.dev/vxlan-port': '4789',
  });
});

test('an annotation that no agent wrote is reported with escapes and shortened', () => {
  const values: readonly (readonly [string, string, RegExp])[] = [
    ['mode', '\x1b[2J\x1b]0;pwned\x07', /: \\x1b\[2J\\x1b\]0;pwned\\x07 is not a valid mode/],
    ['mode', 'A'.repeat(200_000), /: A{63}\.\.\. \(200000 characters\) is not a valid mode/],
    ['vxlan-vni', '16777216', /: 16777216 is not a valid vxlan-vni/],
    ['vxlan-vni', '-1', /: -1 is not a valid vxlan-vni/],
    ['vxlan-port', '0x12b5', /: 0x12b5 is not a valid vxlan-port/],
  ];
  for (const [what, value, shown] of values) {
    const nodes = new Map([
      node('node-2', { ...ownFacts(config), [`node.heddle.dev/${what}`]: value }),
    ]);
    const [problem] = conflicts(nodes);
    assert.equal(problem?.object, 'node-2');
    assert.match(problem?.text ?? '', shown);
    assert.ok((problem?.text ?? '').length < 200);
  }
});

test('a peer whose agent has another mode or tunnel is named with both values', () => {
  const nodes = new Map([
    node('node-1', { 'node.heddle.dev/mode': 'native' }),
    node('node-2', ownFacts(config)),
    node('node-3', {}),
    node('node-4', { 'node.heddle.dev/mode': 'native' }),
    node('node-5', { ...ownFacts(config), 'node.heddle.dev/vxlan-vni': '7' }),
  ]);
  assert.deepEqual(
    conflicts(nodes).map(({ object, text }) => `${object}: ${text.split(':')[0]}`),
    [
      'node-4: its agent has mode native, this one vxlan',
      'node-5: its agent has vxlan-vni 7, this one 1',
    ],
  );
});

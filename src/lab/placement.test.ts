import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabPodSpec } from './manifests.ts';
import { placePods } from './placement.ts';

function pod(name: string, node?: string): LabPodSpec {
  const key = `default/${name}`;
  const fixed = { namespace: 'default', hostNetwork: false, environment: {}, file: 'a.yaml' };
  return { key, name, node, ...fixed };
}

const nodes = ['node-1', 'node-2'];

test('pods without a node are spread over the nodes by name', () => {
  const { nodes: placed } = placePods([pod('c'), pod('a'), pod('b')], nodes);
  assert.deepEqual(Object.fromEntries(placed), {
    'default/a': 'node-1',
    'default/b': 'node-2',
    'default/c': 'node-1',
  });
});

test('a pod stays on its node when others are added and removed', () => {
  const previous = new Map([['default/b', 'node-2']]);
  const { nodes: placed } = placePods([pod('b'), pod('z')], nodes, previous);
  assert.equal(placed.get('default/b'), 'node-2');
  assert.equal(placed.get('default/z'), 'node-1');
});

test('spec.nodeName decides, and an unknown node is a problem', () => {
  const { nodes: placed, problems } = placePods([pod('a', 'node-2'), pod('b', 'node-9')], nodes);
  assert.deepEqual([...placed], [['default/a', 'node-2']]);
  assert.deepEqual(problems, ['Pod default/b: spec.nodeName: node-9 is not a node of this lab']);
});

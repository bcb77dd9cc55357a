import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleLab } from '../../test/support/example-lab.ts';
import { findPlace, findPod } from './find.ts';

const lab = exampleLab();

test('a pod is found by its full name, or by its short name if it is unique', () => {
  assert.equal(findPod(lab, 'shop/web-1').node, 'node-1');
  assert.equal(findPod(lab, 'db-1').namespace, 'shop');
  assert.throws(() => findPod(lab, 'web-1'), /matches more than one pod of lab t \(shop\/web-1, /);
  assert.throws(() => findPod(lab, 'nobody'), /is not a pod of lab t/);
});

test('a node, the world and the switch are places; in a node the agent is known', () => {
  assert.equal(findPlace(lab, 'node-1').environment['HEDDLE_SOCKET'], '/n1/agent.sock');
  assert.equal(findPlace(lab, 'world').place.namespacePath, '/netns/world');
  assert.equal(findPlace(lab, 'switch').place.namespacePath, '/netns/switch');
  assert.throws(() => findPlace(lab, 'node-7'), /\(node-1, world, switch\)/);
});

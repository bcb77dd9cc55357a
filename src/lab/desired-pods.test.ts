import assert from 'node:assert/strict';
import { test } from 'node:test';
import { desiredPods } from './desired-pods.ts';
import { parseManifest } from './manifests.ts';

const good = 'kind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: heddle-echo}]}';
const current = [...desiredPods([parseManifest('a.yaml', good)], ['n'], []).pods.values()];

test('an invalid file keeps its previous pods', () => {
  const { pods, problems } = desiredPods([parseManifest('a.yaml', 'kind: [')], ['n'], current);
  assert.deepEqual([...pods.keys()], ['default/a']);
  assert.equal(problems.length, 1);
});

test('a pod removed from a valid file is removed', () => {
  assert.equal(desiredPods([parseManifest('a.yaml', '')], ['n'], current).pods.size, 0);
  assert.equal(desiredPods([], ['n'], current).pods.size, 0);
});

test('a pod that is defined twice is used once and reported', () => {
  const files = [parseManifest('a.yaml', good), parseManifest('b.yaml', good)];
  const { pods, problems } = desiredPods(files, ['n'], []);
  assert.equal(pods.get('default/a')?.spec.file, 'a.yaml');
  assert.deepEqual(problems, ['b.yaml: Pod default/a is defined more than once']);
});

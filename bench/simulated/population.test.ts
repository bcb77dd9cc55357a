import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeAddress, nodeCount, podCount, podPlace, podRange, podStatus } from './population.ts';

const indexes = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

test('no two nodes share a range or an address, in either turn', () => {
  const nodes = indexes(nodeCount);
  assert.equal(new Set(nodes.map(podRange)).size, nodeCount);
  const addresses = nodes.flatMap((node) => [nodeAddress(node, 0), nodeAddress(node, 1)]);
  assert.equal(new Set(addresses).size, 2 * nodeCount);
});

test('no two pods share a name or an address, in either turn', () => {
  const pods = indexes(podCount);
  assert.equal(new Set(pods.map((pod) => Object.values(podPlace(pod)).join('/'))).size, podCount);
  const addresses = pods.flatMap((pod) => [podStatus(pod, 0), podStatus(pod, 1)]);
  assert.equal(new Set(addresses.map((status) => JSON.stringify(status))).size, 2 * podCount);
});

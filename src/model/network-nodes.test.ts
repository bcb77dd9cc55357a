import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../net/address.ts';
import { parsePrefix } from '../net/prefix.ts';
import { FollowedNodes, type NetworkNode } from './network-nodes.ts';

function node(name: string, fields: Partial<NetworkNode> = {}): [string, NetworkNode] {
  const podCidrs = [parsePrefix('203.0.113.0/24')];
  const addresses = [parseAddress('192.0.2.2')];
  return [name, { name, podCidrs, addresses, ...fields }];
}

test('equal nodes that are other objects give the same map', () => {
  const subject = new FollowedNodes();
  const first = subject.follow(new Map([node('a'), node('b')]));
  assert.equal(subject.follow(new Map([node('a'), node('b')])), first);
});

const changes: readonly (readonly [string, Map<string, NetworkNode>])[] = [
  ['another address', new Map([node('a'), node('b', { addresses: [parseAddress('192.0.2.3')] })])],
  ['a range more', new Map([node('a'), node('b', { podCidrs: [] })])],
  ['a node more', new Map([node('a'), node('b'), node('c')])],
  ['a node less', new Map([node('a')])],
  ['another name', new Map([node('a'), node('c')])],
];
for (const [what, nodes] of changes) {
  test(`${what} gives another map with the same objects for the other nodes`, () => {
    const subject = new FollowedNodes();
    const before = subject.follow(new Map([node('a'), node('b')]));
    const after = subject.follow(nodes);
    assert.notEqual(after, before);
    assert.deepEqual(after, nodes);
    assert.equal(after.get('a'), before.get('a'));
  });
}

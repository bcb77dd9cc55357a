import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeDesired } from '../../test/support/compute-desired.ts';
import { emptyClusterState } from '../cluster/state.ts';
import { parseAddress } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import { parsePrefix } from '../net/prefix.ts';
import { boundedProblems } from './bounded-problems.ts';

test('up to three similar problems are listed; of more, the first three and their number', () => {
  const alike = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      object: `node-${index}`,
      text: `no route via ${index}`,
      alike: 'no route',
    }));
  const other = { object: 'uplinks', text: 'none found' };
  const three = [...alike(3), other];
  assert.deepEqual(boundedProblems(three), three);
  assert.deepEqual(boundedProblems([...alike(5), other]), [
    ...three,
    { object: '2 more', text: 'no route' },
  ]);
});

test('only what is told is searched for unprintable characters', () => {
  let reads = 0;
  const problems = Array.from({ length: 20_000 }, (_, index) => ({
    text: 'no route\n',
    get object(): string {
      reads++;
      return `node-${index}\u0007`;
    },
  }));
  const told = boundedProblems(problems);
  assert.ok(reads < 20, `${reads} names were read`);
  assert.deepEqual(
    told.map(({ object, text }) => `${object}: ${text}`),
    [0, 1, 2].map((index) => `node-${index}\\x07: no route\\n`).concat('19997 more: no route\\n'),
  );
});

test('a thousand nodes without an IPv6 address have a few problems', () => {
  const meta = { labels: {}, annotations: {} };
  const address = parseAddress('198.18.0.1');
  const nodes = Array.from({ length: 1_001 }, (_, index) => ({
    ...meta,
    name: `node-${index}`,
    podCidrs: [parsePrefix(`2001:db8:${index.toString(16)}::/64`)],
    addresses: [parseAddress(`198.18.${index >> 7}.${(index & 127) + 1}`)],
  }));
  const network = { address, prefixLength: 20 };
  const uplink = { ifIndex: 2 as IfIndex, name: 'eth0', mtuBytes: 1500, addresses: [network] };
  const { problems } = computeDesired({
    config: {
      nodeName: 'node-0',
      mode: 'native',
      masquerade: true,
      nonMasqueradeCidrs: [],
      vxlan: { port: 4789, vni: 1 },
    },
    cluster: { ...emptyClusterState, nodes: new Map(nodes.map((node) => [node.name, node])) },
    endpoints: [],
    host: { uplinks: [uplink] },
  });
  assert.deepEqual(
    problems.map(({ object, text }) => `${object}: ${text}`),
    [
      'node-1 2001:db8:1::/64: no route: node-1 has no IPv6 InternalIP (mode vxlan carries IPv6 pods over IPv4)',
      'node-10 2001:db8:a::/64: no route: node-10 has no IPv6 InternalIP (mode vxlan carries IPv6 pods over IPv4)',
      'node-100 2001:db8:64::/64: no route: node-100 has no IPv6 InternalIP (mode vxlan carries IPv6 pods over IPv4)',
      '997 more: no route: the node has no IPv6 InternalIP (mode vxlan carries IPv6 pods over IPv4)',
    ],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acknowledgement, FakeTransport } from '../../../test/support/fake-netlink.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { addressAt, parsePrefix } from '../../net/prefix.ts';
import { nextHopTable } from './next-hops.ts';

test('a thousand next hops are written in batches without listing existing ones', () => {
  const types: number[] = [];
  const transport = new FakeTransport((requests) => {
    types.push(...requests.map(({ type }) => type));
    return requests.map((request) => acknowledgement(request));
  });
  const table = nextHopTable(NetlinkSocket.over(transport));
  const range = parsePrefix('198.18.0.0/15');
  const hops = Array.from({ length: 1000 }, (_, index) => {
    const address = addressAt(range, BigInt(index + 1));
    assert.ok(address);
    return { address, ifIndex: 7 as IfIndex };
  });
  assert.deepEqual(table.set(hops), []);
  assert.deepEqual([types.length, new Set(types)], [1000, new Set([28])]);
  assert.ok(transport.sent.length <= 16, `${transport.sent.length} sends`);
});

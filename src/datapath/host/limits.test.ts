import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acknowledgement, done, FakeTransport } from '../../../test/support/fake-netlink.ts';
import { messageFlags } from '../../kernel/netlink/protocol/message.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { Table } from '../../reconcile/table.ts';
import { type LimitEntry, limitEntriesOf, limitTable } from './limits.ts';

/** A kernel without links, and the queries it received. */
function asked(hasQueues: boolean): {
  readonly table: Table<LimitEntry>;
  readonly transport: FakeTransport;
} {
  const noDevice = 19;
  const transport = new FakeTransport((requests) =>
    requests.map((request) =>
      (request.flags & messageFlags.dump) === messageFlags.dump
        ? done(request.sequence)
        : acknowledgement(request, noDevice),
    ),
  );
  const table = limitTable(NetlinkSocket.over(transport), () => hasQueues);
  return { table, transport };
}

test('a node without limits and queues does not list its links', () => {
  const { table, transport } = asked(false);
  assert.deepEqual([...table.list(new Map())], []);
  assert.deepEqual(transport.sent, []);
});

test('a queue that is no longer wanted is looked for if the node has one', () => {
  const { table, transport } = asked(true);
  assert.deepEqual([...table.list(new Map())], []);
  assert.equal(transport.sent.length, 1);
});

test('a wanted queue is looked for, whatever the last listing showed', () => {
  const { table, transport } = asked(false);
  const endpoint = {
    hostIfName: 'hd0123456789a',
    hostIfIndex: 7 as IfIndex,
    addresses: [parseAddress('192.0.2.1')],
    mtuBytes: 1500,
    bandwidth: { egress: { bitsPerSecond: 1_000_000 } },
  } as unknown as LocalEndpoint;
  const wanted = new Map(limitEntriesOf(endpoint));
  const [found] = table.list(wanted).values();
  assert.equal(found?.sound, false);
  assert.ok(transport.sent.length > 1);
});

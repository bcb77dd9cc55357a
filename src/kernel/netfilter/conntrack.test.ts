import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedPayload } from '../../../test/support/captured-netlink.ts';
import {
  acknowledgement,
  done,
  FakeTransport,
  message,
} from '../../../test/support/fake-netlink.ts';
import { parseAddress } from '../../net/address.ts';
import { parsePort } from '../../net/port.ts';
import { splitMessages } from '../netlink/protocol/message.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { type ConntrackFilter, deleteConntrack, listConntrack } from './conntrack.ts';

const list = 0x101;
const remove = 0x102;
const tcp = capturedPayload('conntrackTcp');
const icmp6 = capturedPayload('conntrackIcmp6');

/** A kernel with the two captured connections that filters nothing itself. */
function table(deletionErrno = 0): FakeTransport {
  return new FakeTransport((requests) =>
    requests.flatMap((request) =>
      request.type === list
        ? [
            ...[tcp, icmp6].map((payload) =>
              message({ type: 0x100, flags: 2, sequence: request.sequence, payload }),
            ),
            done(request.sequence),
          ]
        : [acknowledgement(request, deletionErrno)],
    ),
  );
}

const hex = (...parts: string[]): string => parts.join('').replaceAll(' ', '');

const filters: readonly { readonly filter: ConntrackFilter; readonly protocols: number[] }[] = [
  { filter: {}, protocols: [6, 58] },
  { filter: { family: 4 }, protocols: [6] },
  { filter: { protocol: 58 }, protocols: [58] },
  { filter: { mark: { value: 0x42, mask: 0xff } }, protocols: [6] },
  { filter: { mark: { value: 0, mask: 0xff } }, protocols: [58] },
  { filter: { original: { source: parseAddress('2001:db8::1') } }, protocols: [58] },
  { filter: { original: { destinationPort: parsePort(443) } }, protocols: [6] },
  { filter: { reply: { source: parseAddress('203.0.113.7') } }, protocols: [6] },
  { filter: { reply: { sourcePort: parsePort(444) } }, protocols: [] },
  { filter: { address: parseAddress('203.0.113.7') }, protocols: [6] },
  { filter: { address: parseAddress('198.51.100.1'), protocol: 17 }, protocols: [] },
];

for (const { filter, protocols } of filters) {
  test(`the filter ${JSON.stringify(filter)} finds ${protocols.length} of two`, () => {
    const entries = listConntrack(NetlinkSocket.over(table()), filter);
    assert.deepEqual(
      entries.map(({ protocol }) => protocol),
      protocols,
    );
  });
}

test('family, mark and IPv4 addresses are left to the kernel to filter', () => {
  const transport = table();
  listConntrack(NetlinkSocket.over(transport), {
    original: { source: parseAddress('192.0.2.1'), sourcePort: parsePort(40000) },
    mark: { value: 0x40, mask: 0x40 },
  });
  assert.equal(
    transport.sent[0]?.toString('hex', 16),
    hex(
      '02000000',
      '08000800 00000040',
      '08001500 00000040',
      '0c001980 08000100 01000000',
      '10000180 0c000180 08000100 c0000201',
    ),
  );
});

test('for IPv6 only the family is filtered in the kernel, because it compares addresses wrongly', () => {
  const transport = table();
  listConntrack(NetlinkSocket.over(transport), {
    original: { source: parseAddress('2001:db8::1') },
  });
  assert.equal(transport.sent[0]?.toString('hex', 16), '0a000000');
});

test('a deletion names the original tuple and the entry’s handle', () => {
  const transport = table();
  assert.equal(deleteConntrack(NetlinkSocket.over(transport), {}), 2);
  const [first, second] = splitMessages(transport.sent[1] ?? Buffer.alloc(0));
  const handle = (payload: Buffer): string => {
    const at = payload.indexOf(Buffer.from('08000c00', 'hex'));
    return payload.toString('hex', at, at + 8);
  };
  assert.deepEqual([first?.type, second?.type], [remove, remove]);
  assert.equal(
    first?.payload.toString('hex'),
    hex(
      '02000000',
      '34000180',
      '14000180 08000100 c0000201 08000200 c6336401',
      '1c000280 05000100 06 000000 06000200 9c40 0000 06000300 01bb 0000',
      handle(tcp),
    ),
  );
  assert.equal(
    second?.payload.toString('hex'),
    hex(
      '0a000000',
      '54000180',
      '2c000180',
      '14000300 20010db8000000000000000000000001',
      '14000400 20010db8000000000000000000000002',
      '24000280 05000100 3a 000000 06000700 004d 0000 05000800 80 000000 05000900 00 000000',
      handle(icmp6),
    ),
  );
});

test('entries that ended meanwhile are not counted, other errors are thrown', () => {
  const [gone, forbidden] = [2, 1];
  assert.equal(deleteConntrack(NetlinkSocket.over(table(gone)), {}), 0);
  assert.throws(() => deleteConntrack(NetlinkSocket.over(table(forbidden)), {}), {
    call: 'conntrack delete',
    code: 'EPERM',
    subject: 'protocol 6 192.0.2.1 40000 -> 198.51.100.1 443',
  });
});

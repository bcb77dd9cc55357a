// Messages of the kernel, parsed into records; and the same messages damaged, which must be refused with the right
// error.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedPayload } from '../../../test/support/captured-netlink.ts';
import { testRecords } from '../../../test/support/record-cases.ts';
import { readConntrackEntry } from '../netfilter/conntrack-record.ts';
import { readAddress } from './address.ts';
import { readLink } from './link-record.ts';
import { readNeighbour } from './neighbour.ts';
import { readRoute } from './route-record.ts';

const counters = { packets: 0, bytes: 0 };

testRecords([
  {
    name: 'veth',
    read: readLink,
    record: {
      ifIndex: 7,
      name: 'veth0',
      kind: 'veth',
      mac: '02:00:5e:10:00:01',
      mtuBytes: 1450,
      up: true,
      running: true,
      loopback: false,
      noArp: false,
      peerIfIndex: 9,
      linkNamespaceId: 0,
      master: 2,
      addrGenMode: 'eui64',
    },
  },
  {
    name: 'vxlan',
    read: readLink,
    record: {
      ifIndex: 11,
      name: 'vxlan0',
      kind: 'vxlan',
      mac: '02:00:5e:10:00:03',
      mtuBytes: 1500,
      up: false,
      running: false,
      loopback: false,
      noArp: false,
      addrGenMode: 'eui64',
      vxlan: { collectMetadata: true, port: 4789, id: 0 },
    },
  },
  {
    name: 'address4',
    read: readAddress,
    record: {
      ifIndex: 7,
      address: '192.0.2.1',
      prefixLength: 24,
      scope: 'global',
      noDad: false,
      noPrefixRoute: false,
      tentative: false,
      dadFailed: false,
    },
  },
  {
    name: 'address6',
    read: readAddress,
    record: {
      ifIndex: 1,
      address: '2001:db8::9',
      prefixLength: 128,
      scope: 'global',
      noDad: true,
      noPrefixRoute: true,
      tentative: false,
      dadFailed: false,
    },
  },
  {
    name: 'addressTentative',
    read: readAddress,
    record: {
      ifIndex: 7,
      address: '2001:db8::1',
      prefixLength: 64,
      scope: 'global',
      noDad: false,
      noPrefixRoute: false,
      tentative: true,
      dadFailed: false,
    },
  },
  {
    name: 'neighbour4',
    read: readNeighbour,
    record: { ifIndex: 7, address: '192.0.2.7', mac: '02:00:5e:10:00:04', state: 'permanent' },
  },
  {
    name: 'neighbour6',
    read: readNeighbour,
    record: { ifIndex: 7, address: '2001:db8::7', mac: '02:00:5e:10:00:04', state: 'permanent' },
  },
  {
    name: 'neighbourManaged',
    read: readNeighbour,
    record: {
      ifIndex: 7,
      address: '192.0.2.8',
      state: 'incomplete',
      protocol: 73,
      externallyLearned: true,
      managed: true,
    },
  },
  {
    name: 'conntrackTcp',
    read: withoutHandle(readConntrackEntry),
    record: {
      family: 4,
      protocol: 6,
      original: {
        source: '192.0.2.1',
        destination: '198.51.100.1',
        sourcePort: 40000,
        destinationPort: 443,
      },
      reply: {
        source: '203.0.113.7',
        destination: '192.0.2.1',
        sourcePort: 443,
        destinationPort: 40000,
      },
      status: {
        seenReply: true,
        assured: true,
        sourceNat: false,
        destinationNat: true,
        dying: false,
      },
      timeoutSeconds: 119,
      mark: 0x42,
      tcpState: 'established',
      originalCounters: counters,
      replyCounters: counters,
    },
  },
  {
    name: 'conntrackIcmp6',
    read: withoutHandle(readConntrackEntry),
    record: {
      family: 6,
      protocol: 58,
      original: {
        source: '2001:db8::1',
        destination: '2001:db8::2',
        icmp: { id: 77, type: 128, code: 0 },
      },
      reply: {
        source: '2001:db8::2',
        destination: '2001:db8::1',
        icmp: { id: 77, type: 129, code: 0 },
      },
      status: {
        seenReply: false,
        assured: false,
        sourceNat: false,
        destinationNat: false,
        dying: false,
      },
      timeoutSeconds: 119,
      mark: 0,
      originalCounters: counters,
      replyCounters: counters,
    },
  },
]);

test('a six-byte address is not a MAC without Ethernet, as for xfrm interfaces', () => {
  const payload = Buffer.from(capturedPayload('veth'));
  payload.writeUInt16LE(0xfffe, 2); // ARPHRD_NONE
  assert.equal(readLink(payload).mac, undefined);
});

test('a neighbour with any bits in its state is read', () => {
  const states = [0x80, 0xc0, 0xff, 0x40, 0x41, 0x02, 0x06, 0x100].map((bits) => {
    const payload = Buffer.from(capturedPayload('neighbour4'));
    payload.writeUInt16LE(bits, 8);
    return readNeighbour(payload)?.state;
  });
  assert.deepEqual(states, [
    ...['permanent', 'permanent', 'permanent', 'noarp', 'noarp'],
    ...['reachable', 'unknown', 'unknown'],
  ]);
});

test('messages of other families are omitted', () => {
  const bridgeForwarding = Buffer.from('070000000700000080000000', 'hex');
  assert.equal(readNeighbour(bridgeForwarding), undefined);
  const multicastRoute = Buffer.from('80000000fe0000050000000000', 'hex');
  assert.equal(readRoute(multicastRoute), undefined);
});

// The handle is a hashed address in that kernel's memory.
function withoutHandle(
  read: typeof readConntrackEntry,
): (payload: Buffer) => Omit<NonNullable<ReturnType<typeof read>>, 'id'> | undefined {
  return (payload) => {
    const entry = read(payload);
    if (entry === undefined) return undefined;
    const { id, ...rest } = entry;
    assert.equal(typeof id, 'number');
    return rest;
  };
}

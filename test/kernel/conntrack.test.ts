import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import {
  conntrackCount,
  deleteConntrack,
  listConntrack,
  loadConntrack,
} from '../../src/kernel/netfilter/conntrack.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { writeSysctl } from '../../src/kernel/sysctl.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parsePort } from '../../src/net/port.ts';
import { protocols } from '../../src/net/protocol.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const client = parseAddress('192.0.2.1');
const server = parseAddress('198.51.100.1');
const client6 = parseAddress('2001:db8::1');
const server6 = parseAddress('2001:db8::2');

/** One connection of each kind: TCP with NAT and mark, UDP, ICMP over IPv4; TCP over IPv6. */
function fill(namespace: NetworkNamespace): void {
  namespace.run(() => writeSysctl('net/netfilter/nf_conntrack_acct', 1));
  const insert = (...args: string[]): string =>
    runIn(namespace, 'conntrack', '-I', '-t', '120', ...args);
  const four = ['-s', client, '-d', server];
  insert(
    ...four,
    '-p',
    'tcp',
    '--sport',
    '40000',
    '--dport',
    '443',
    '--state',
    'ESTABLISHED',
    '-u',
    'ASSURED,SEEN_REPLY',
    '-m',
    '0x42',
    '--dst-nat',
    '203.0.113.7',
  );
  insert(...four, '-p', 'udp', '--sport', '40001', '--dport', '53', '-m', '0x40');
  insert(...four, '-p', 'icmp', '--icmp-type', '8', '--icmp-code', '0', '--icmp-id', '77');
  insert(
    '-s',
    client6,
    '-d',
    server6,
    '-p',
    'tcp',
    '--sport',
    '40002',
    '--dport',
    '80',
    '--state',
    'SYN_SENT',
  );
}

rootTest(
  'a connection with NAT is listed with both tuples, state, timeout, mark and counters',
  (context) => {
    const namespace = testNamespace(context);
    fill(namespace);
    using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
    const [entry, ...others] = listConntrack(socket, { protocol: protocols.tcp, family: 4 });
    assert.deepEqual(others, []);
    assert.ok(entry);
    const { id, timeoutSeconds = 0, ...rest } = entry;
    assert.ok(timeoutSeconds > 100 && timeoutSeconds <= 120);
    assert.ok(id > 0);
    assert.deepEqual(rest, {
      family: 4,
      protocol: 6,
      original: { source: client, destination: server, sourcePort: 40000, destinationPort: 443 },
      reply: {
        source: '203.0.113.7',
        destination: client,
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
      mark: 0x42,
      tcpState: 'established',
      originalCounters: { packets: 0, bytes: 0 },
      replyCounters: { packets: 0, bytes: 0 },
    });
  },
);

rootTest('an ICMP entry has its type, code and id instead of ports', (context) => {
  const namespace = testNamespace(context);
  fill(namespace);
  using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
  const [entry] = listConntrack(socket, { protocol: protocols.icmp });
  assert.deepEqual(entry?.original, {
    source: client,
    destination: server,
    icmp: { id: 77, type: 8, code: 0 },
  });
  assert.deepEqual(entry?.reply.icmp, { id: 77, type: 0, code: 0 });
});

const filters = [
  { name: 'nothing', filter: {}, expected: [1, 6, 6, 17] },
  { name: 'IPv6', filter: { family: 6 }, expected: [6] },
  { name: 'UDP', filter: { protocol: 17 }, expected: [17] },
  { name: 'original source', filter: { original: { source: client } }, expected: [1, 6, 17] },
  {
    name: 'IPv6 original destination',
    filter: { original: { destination: server6 } },
    expected: [6],
  },
  { name: 'an unused source', filter: { original: { source: server } }, expected: [] },
  {
    name: 'destination port',
    filter: { original: { destinationPort: parsePort(53) } },
    expected: [17],
  },
  { name: 'source port', filter: { original: { sourcePort: parsePort(40002) } }, expected: [6] },
  {
    name: 'reply source',
    filter: { reply: { source: parseAddress('203.0.113.7') } },
    expected: [6],
  },
  { name: 'an address anywhere', filter: { address: server }, expected: [1, 6, 17] },
  { name: 'a whole mark', filter: { mark: { value: 0x42, mask: 0xff } }, expected: [6] },
  { name: 'a bit of the mark', filter: { mark: { value: 0x40, mask: 0x40 } }, expected: [6, 17] },
  {
    name: 'address, protocol and port together',
    filter: { protocol: 6, original: { source: client, destinationPort: parsePort(443) } },
    expected: [6],
  },
] as const;

rootTest(
  'a filter finds what it describes, and deleting by it leaves the others',
  async (context) => {
    for (const { name, filter, expected } of filters) {
      await context.test(name, (each) => {
        const namespace = testNamespace(each);
        fill(namespace);
        using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
        const numbers = (entries: readonly { protocol: number }[]): number[] =>
          entries.map(({ protocol }) => protocol).sort((a, b) => a - b);
        assert.deepEqual(numbers(listConntrack(socket, filter)), expected);
        assert.equal(deleteConntrack(socket, filter), expected.length);
        assert.equal(listConntrack(socket).length, 4 - expected.length);
        assert.equal(deleteConntrack(socket, filter), 0);
      });
    }
  },
);

rootTest('the count is of the namespace alone', (context) => {
  const [namespace, other] = [testNamespace(context), testNamespace(context)];
  using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
  fill(other);
  assert.equal(conntrackCount(socket), 0);
  fill(namespace);
  assert.equal(conntrackCount(socket), 4);
});

rootTest('two thousand connections are listed and deleted', (context) => {
  const namespace = testNamespace(context);
  const batch = Array.from(
    { length: 2000 },
    (_, index) =>
      `-I -t 120 -s ${client} -d ${server} -p udp --sport ${10000 + index} --dport 53\n`,
  );
  const file = `/tmp/heddle-test-${process.pid}-conntrack`;
  fs.writeFileSync(file, batch.join(''));
  context.after(() => fs.unlinkSync(file));
  runIn(namespace, 'conntrack', '-R', file);
  using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
  const ports = listConntrack(socket).map((entry) => entry.original.sourcePort);
  assert.equal(new Set(ports).size, 2000);
  assert.equal(deleteConntrack(socket, { address: client }), 2000);
  assert.deepEqual(listConntrack(socket), []);
});

rootTest('connection tracking is loaded once its statistics were requested', (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
  loadConntrack(socket);
  assert.ok(fs.existsSync('/proc/sys/net/netfilter/nf_conntrack_max'));
});

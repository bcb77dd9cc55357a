import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceConnection } from '../../api/service-connections.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import { addressFamily, parseAddress } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import type { ConnectionFilter } from './connection-filter.ts';
import { type ConnectionNames, packetConnection } from './packet-connections.ts';

const port = (number: number): Port => number as Port;
const names: ConnectionNames = {
  owner: (address) => {
    if (address === '192.0.2.2')
      return { kind: 'pod', node: 'n1', pod: { namespace: 'shop', name: 'web-1' } };
    return address === '192.0.2.9'
      ? { kind: 'pod', node: 'n1', pod: { namespace: 'shop', name: 'client' } }
      : { kind: 'world' };
  },
  frontend: ({ address }) =>
    address === '10.96.0.1'
      ? { service: 'shop/web', portName: 'http', frontendKind: 'cluster' }
      : {},
};

function entry(from: string, to: string, fields: Partial<ConntrackEntry> = {}): ConntrackEntry {
  const [source, destination] = [parseAddress(from), parseAddress(to)];
  return {
    ...{ family: addressFamily(destination), protocol: 6, mark: 0x4800_0001, id: 1 },
    original: { source, destination, sourcePort: port(40000), destinationPort: port(80) },
    reply: {
      ...{ source: parseAddress('192.0.2.2'), destination: source },
      ...{ sourcePort: port(8080), destinationPort: port(40000) },
    },
    status: {
      ...{ seenReply: true, assured: true, sourceNat: false, dying: false },
      destinationNat: true,
    },
    ...{ tcpState: 'established', timeoutSeconds: 30 },
    ...fields,
  };
}

const client = { kind: 'pod', node: 'n1', pod: { namespace: 'shop', name: 'client' } } as const;
const shown: ServiceConnection = {
  ...{ way: 'packets', protocol: 'TCP' },
  ...{ service: 'shop/web', portName: 'http', frontendKind: 'cluster' },
  client: { address: '192.0.2.9', port: 40000, ...client },
  frontend: { address: '10.96.0.1', port: 80 },
  backend: {
    ...{ address: '192.0.2.2', port: 8080, kind: 'pod', node: 'n1' },
    pod: { namespace: 'shop', name: 'web-1' },
  },
  ...{ state: 'established', timeoutSeconds: 30 },
};

test('an entry is joined with its Service and pods', () => {
  assert.deepEqual(packetConnection(entry('192.0.2.9', '10.96.0.1'), names), shown);
});

test('a hidden client, and a frontend of no Service', () => {
  const made = entry('203.0.113.9', '198.51.100.1');
  const reply = { ...made.reply, destination: parseAddress('192.0.2.1'), destinationPort: port(7) };
  assert.deepEqual(packetConnection({ ...made, reply }, names), {
    ...{ way: 'packets', protocol: 'TCP' },
    client: { address: '203.0.113.9', port: 40000, kind: 'world' },
    frontend: { address: '198.51.100.1', port: 80 },
    backend: shown.backend,
    masqueradedAs: { address: '192.0.2.1', port: 7 },
    ...{ state: 'established', timeoutSeconds: 30 },
  });
});

const status = entry('192.0.2.9', '10.96.0.1').status;
const { tcpState: _, ...datagram } = entry('192.0.2.9', '10.96.0.1', { protocol: 17 });
const states: readonly (readonly [string, ConntrackEntry, string | undefined])[] = [
  ['TCP', entry('192.0.2.9', '10.96.0.1', { tcpState: 'synSent2' }), 'syn-sent'],
  ['UDP', datagram, 'answered'],
  ['UDP without an answer', { ...datagram, status: { ...status, seenReply: false } }, 'unanswered'],
  ['SCTP', { ...datagram, protocol: 132 }, 'answered'],
  ['another protocol', { ...datagram, protocol: 136 }, undefined],
  ['an entry that is ending', { ...datagram, status: { ...status, dying: true } }, undefined],
  ['no translation', { ...datagram, status: { ...status, destinationNat: false } }, undefined],
];
for (const [what, made, state] of states)
  test(`${what}: ${state ?? 'not shown'}`, () => {
    assert.equal(packetConnection(made, names)?.state, state);
  });

const filters: readonly (readonly [ConnectionFilter, boolean])[] = [
  [{ service: 'shop/web' }, true],
  [{ service: 'web' }, true],
  [{ service: 'eb' }, false],
  [{ service: 'other/web' }, false],
  [{ pod: 'shop/client' }, true],
  [{ pod: 'shop/web-1' }, true],
  [{ pod: 'shop/web-2' }, false],
  [{ service: 'web', pod: 'shop/web-2' }, false],
];
for (const [filter, isAsked] of filters)
  test(`asked for ${JSON.stringify(filter)}: ${isAsked}`, () => {
    const found = packetConnection(entry('192.0.2.9', '10.96.0.1'), names, filter);
    assert.equal(found !== undefined, isAsked);
  });

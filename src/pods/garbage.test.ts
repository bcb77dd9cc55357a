import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointId } from '../model/endpoint.ts';
import { parseAddress } from '../net/address.ts';
import { parseMac } from '../net/mac.ts';
import { staleRecords } from './garbage.ts';
import { type EndpointRecord, hostIfNameOf } from './records/record.ts';

function record(containerId: string, network?: string): EndpointRecord {
  const attachment = { containerId, ifName: 'eth0' };
  return {
    ...attachment,
    id: 1 as EndpointId,
    namespacePath: '/run/netns/x',
    hostIfName: hostIfNameOf(attachment),
    mac: parseMac('02:00:5e:10:00:01'),
    addresses: [parseAddress('192.0.2.2')],
    mtuBytes: 1500,
    ...(network !== undefined && { network }),
    createdAt: '2026-11-21T12:00:00.000Z',
  };
}

const records = [
  record('c1', 'heddle'),
  record('c2', 'heddle'),
  record('c3', 'blue'),
  record('c4'),
];

const cases: readonly [string, string, readonly string[] | undefined, readonly string[]][] = [
  ['everything of the network that is not listed', 'heddle', ['c1'], ['c2', 'c4']],
  ['nothing of other networks', 'blue', [], ['c3']],
  ['nothing of a network without endpoints', 'green', [], []],
  ['all of a network for an empty list', 'heddle', [], ['c1', 'c2', 'c4']],
  ['nothing without a list', 'heddle', undefined, []],
  ['nothing when all are listed, with some that are unknown', 'blue', ['c3', 'c9'], []],
];

for (const [name, network, listed, expected] of cases) {
  test(`GC deletes ${name}`, () => {
    const kept = listed?.map((containerId) => ({ containerId, ifName: 'eth0' }));
    const stale = staleRecords(records, { kind: 'gc', network, kept });
    assert.deepEqual(
      stale.map(({ containerId }) => containerId),
      expected,
    );
  });
}

test('GC deletes no endpoint whose record was lost: its network is unknown', () => {
  const recovered: EndpointRecord = { ...record('c5'), isRecovered: true };
  assert.deepEqual(staleRecords([recovered], { kind: 'gc', network: 'heddle', kept: [] }), []);
});

test('GC deletes an interface of a container whose other interface is listed', () => {
  const kept = [{ containerId: 'c3', ifName: 'net1' }];
  assert.equal(staleRecords(records, { kind: 'gc', network: 'blue', kept }).length, 1);
});

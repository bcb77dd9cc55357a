// Messages of the kernel, parsed into records; and the same messages damaged, which must be refused with the right
// error.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedPayload } from '../../../test/support/captured-netlink.ts';
import { testRecords } from '../../../test/support/record-cases.ts';
import { readRoute } from './route-record.ts';
import { readRule } from './rule.ts';

const route = { protocol: 72, table: 254, scope: 'global' };

testRecords([
  {
    name: 'routeVia',
    read: readRoute,
    record: {
      ...route,
      destination: '198.51.100.0/24',
      type: 'unicast',
      ifIndex: 7,
      gateway: '192.0.2.254',
      metric: 10,
      source: '192.0.2.1',
      mtuBytes: 1400,
    },
  },
  {
    name: 'routeOnlink',
    read: readRoute,
    record: {
      ...route,
      destination: '0.0.0.0/0',
      type: 'unicast',
      ifIndex: 7,
      gateway: '169.254.1.1',
      onlink: true,
    },
  },
  {
    name: 'routeBlackhole',
    read: readRoute,
    record: { ...route, destination: '203.0.113.0/25', type: 'blackhole', table: 7200 },
  },
  {
    name: 'routeVia6',
    read: readRoute,
    record: {
      ...route,
      destination: '203.0.113.0/24',
      type: 'unicast',
      ifIndex: 7,
      gateway: '2001:db8::2',
    },
  },
  {
    name: 'routeMultipath',
    read: readRoute,
    record: {
      ...route,
      destination: '198.18.0.0/15',
      type: 'unicast',
      nextHops: [
        { ifIndex: 7, gateway: '192.0.2.2', weight: 3 },
        { ifIndex: 7, gateway: '192.0.2.3', weight: 1 },
      ],
    },
  },
  {
    name: 'routeUnreachable6',
    read: readRoute,
    record: {
      ...route,
      destination: '2001:db8:3::/48',
      type: 'unreachable',
      ifIndex: 1,
      metric: 1024,
    },
  },
  {
    name: 'routeMapped',
    read: readRoute,
    record: {
      ...route,
      destination: '::ffff:0:0/96',
      type: 'unreachable',
      ifIndex: 1,
      metric: 1024,
    },
  },
  {
    name: 'routeDefault6',
    read: readRoute,
    record: {
      ...route,
      destination: '::/0',
      type: 'unicast',
      ifIndex: 7,
      gateway: 'fe80::1',
      metric: 1024,
    },
  },
  {
    name: 'rule4',
    read: readRule,
    record: {
      family: 4,
      priority: 100,
      action: 'lookup',
      table: 7200,
      protocol: 72,
      from: '192.0.2.0/24',
      mark: { value: 0x200, mask: 0xf00 },
    },
  },
  {
    name: 'rule6',
    read: readRule,
    record: {
      family: 6,
      priority: 102,
      action: 'unreachable',
      protocol: 72,
      from: '2001:db8::/32',
    },
  },
]);

test('a rule with another action is listed as unknown, a route of another type is left out', () => {
  const typeOffset = 7;
  const throwing = Buffer.from(capturedPayload('rule4'));
  throwing.writeUInt8(9, typeOffset);
  const rule = readRule(throwing);
  assert.deepEqual([rule?.action, rule?.table, rule?.priority], ['unknown', undefined, 100]);
  const ofLaterKernel = Buffer.from(capturedPayload('routeVia'));
  ofLaterKernel.writeUInt8(200, typeOffset);
  assert.equal(readRoute(ofLaterKernel), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../net/address.ts';
import { parseMac } from '../net/mac.ts';
import { type AddResult, formatResult, formatVersions } from './result.ts';

const dualStack: AddResult = {
  host: { name: 'hd0123456789a', mac: parseMac('02:68:65:64:64:6c') },
  pod: {
    name: 'eth0',
    mac: parseMac('02:00:5e:10:00:01'),
    namespacePath: '/var/run/netns/cni-1',
  },
  mtuBytes: 1450,
  addresses: [parseAddress('192.0.2.7'), parseAddress('2001:db8::7')],
  gateways: { 4: parseAddress('169.254.1.1'), 6: parseAddress('fe80::1') },
};

const routes = [
  { dst: '0.0.0.0/0', gw: '169.254.1.1' },
  { dst: '::/0', gw: 'fe80::1' },
];
const interfaces = [
  { name: 'hd0123456789a', mac: '02:68:65:64:64:6c' },
  { name: 'eth0', mac: '02:00:5e:10:00:01', sandbox: '/var/run/netns/cni-1' },
];
const ips = [
  { address: '192.0.2.7/32', gateway: '169.254.1.1', interface: 1 },
  { address: '2001:db8::7/128', gateway: 'fe80::1', interface: 1 },
];
const versionedIps = [
  { version: '4', address: '192.0.2.7/32', gateway: '169.254.1.1', interface: 1 },
  { version: '6', address: '2001:db8::7/128', gateway: 'fe80::1', interface: 1 },
];

const shapes = [
  {
    version: '0.3.1',
    expected: { cniVersion: '0.3.1', interfaces, ips: versionedIps, routes, dns: {} },
  },
  {
    version: '0.4.0',
    expected: { cniVersion: '0.4.0', interfaces, ips: versionedIps, routes, dns: {} },
  },
  { version: '1.0.0', expected: { cniVersion: '1.0.0', interfaces, ips, routes, dns: {} } },
  {
    version: '1.1.0',
    expected: {
      cniVersion: '1.1.0',
      interfaces: interfaces.map((entry) => ({ ...entry, mtu: 1450 })),
      ips,
      routes,
    },
  },
] as const;

for (const { version, expected } of shapes) {
  test(`writes a dual-stack result in the format of ${version}`, () => {
    assert.deepEqual(JSON.parse(formatResult(version, dualStack)), expected);
  });
}

test('writes addresses and routes of one family for a pod of one family', () => {
  const shape: unknown = JSON.parse(
    formatResult('1.0.0', { ...dualStack, addresses: [parseAddress('2001:db8::7')] }),
  );
  assert.deepEqual(shape, {
    cniVersion: '1.0.0',
    interfaces,
    ips: ips.slice(1),
    routes: routes.slice(1),
    dns: {},
  });
});

test('answers VERSION in the requested version', () => {
  assert.deepEqual(JSON.parse(formatVersions('0.4.0')), {
    cniVersion: '0.4.0',
    supportedVersions: ['0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});

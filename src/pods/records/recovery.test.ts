import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointId, LocalEndpoint } from '../../model/endpoint.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import { parsePort } from '../../net/port.ts';
import { formatRecord, hostIfNameOf, parseRecord } from './record.ts';
import { type KernelProbe, recoverRecord } from './recovery.ts';

const attachment = { containerId: 'container-1', ifName: 'eth0' };
const whole: LocalEndpoint = {
  id: 3 as EndpointId,
  ...attachment,
  namespacePath: '/run/netns/cni-1',
  hostIfName: hostIfNameOf(attachment),
  hostIfIndex: 7 as IfIndex,
  mac: parseMac('02:00:5e:00:53:01'),
  addresses: [parseAddress('192.0.2.2'), parseAddress('2001:db8::2')],
  mtuBytes: 1450,
  network: 'heddle',
  bandwidth: {
    ingress: { bitsPerSecond: 8e6 },
    egress: { bitsPerSecond: 4e6, burstBits: 8e5 },
  },
  portMappings: [{ protocol: 'tcp', hostPort: parsePort(8080), containerPort: parsePort(80) }],
  pod: { namespace: 'shop', name: 'web-1', uid: '8f1a' },
  createdAt: '2026-11-21T12:00:00.000Z',
};
const text = formatRecord(whole);
const kernel: KernelProbe = {
  link: () => ({ ifIndex: whole.hostIfIndex, mtuBytes: whole.mtuBytes }),
  entry: () => ({
    id: whole.id,
    queue: 0,
    mac: whole.mac,
    ipv4: parseAddress('192.0.2.2'),
    ipv6: parseAddress('2001:db8::2'),
  }),
};
/** Contains nothing beyond the kernel's state. */
const recovered: LocalEndpoint = {
  id: whole.id,
  ...attachment,
  namespacePath: `/run/netns/unknown-${whole.hostIfName}`,
  hostIfName: whole.hostIfName,
  hostIfIndex: whole.hostIfIndex,
  mac: whole.mac,
  addresses: whole.addresses,
  mtuBytes: whole.mtuBytes,
  createdAt: '1970-01-01T00:00:00.000Z',
  isRecovered: true,
};
const nameless = {
  ...recovered,
  containerId: `unknown-${whole.hostIfName}`,
  ifName: 'unknown',
};

const damages: readonly (readonly [string, string, LocalEndpoint])[] = [
  [
    'a record cut off at its end keeps its container, which is proven',
    text.slice(0, -3),
    recovered,
  ],
  ['an empty record has no container', '', nameless],
  ['a record of zeros has no container', '\0'.repeat(400), nameless],
  [
    'a number that was damaged comes from the kernel',
    text.replace('"id": 3', '"id": 9'),
    recovered,
  ],
  [
    'a container id that was damaged does not count',
    text.replace('container-1', 'container-7'),
    nameless,
  ],
  ['limits and host ports are lost although the text has them', text, recovered],
];

for (const [name, damaged, record] of damages) {
  test(name, () => {
    assert.deepEqual(recoverRecord(kernel, whole.hostIfName, damaged), record);
  });
}

test('a recreated record is marked in its file', () => {
  assert.deepEqual(parseRecord(formatRecord(recovered)), recovered);
});

test('without an interface, or an entry of the data path, there is nothing to recover', () => {
  for (const lacking of [{ link: () => undefined }, { entry: () => undefined }]) {
    assert.equal(recoverRecord({ ...kernel, ...lacking }, whole.hostIfName, text), undefined);
  }
});

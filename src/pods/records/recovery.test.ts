import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import { parsePort } from '../../net/port.ts';
import { formatRecord, hostIfNameOf } from './record.ts';
import { type KernelProbe, recoverRecord } from './recovery.ts';

const attachment = { containerId: 'container-1', ifName: 'eth0' };
const whole: LocalEndpoint = {
  id: 3,
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
  ingressLimit: () => whole.bandwidth?.ingress,
  egressLimit: ({ namespacePath }) =>
    namespacePath === whole.namespacePath ? whole.bandwidth?.egress : 'unknown',
  hostPorts: () => whole.portMappings ?? [],
};
const { pod: _, network: __, ...withoutPod } = whole;
const unknown = {
  ...withoutPod,
  containerId: `unknown-${whole.hostIfName}`,
  namespacePath: `/run/netns/unknown-${whole.hostIfName}`,
  bandwidth: { ingress: { bitsPerSecond: 8e6 } },
  createdAt: '1970-01-01T00:00:00.000Z',
};

const everyName = [
  'container id',
  'path of its namespace',
  'name of its network (GC passes it over)',
  'name of the pod, if it had one',
  'limit of what it sends, if it had one (it stays in force)',
];

const damages: readonly (readonly [string, string, LocalEndpoint, readonly string[]])[] = [
  ['a record cut off at its end is recovered whole', text.slice(0, -3), whole, []],
  ['an empty record is recovered without the names', '', unknown, everyName],
  ['a record of zeros is recovered without the names', '\0'.repeat(400), unknown, everyName],
  [
    'a number that was damaged comes from the kernel',
    text.replace('"id": 3', '"id": 9'),
    whole,
    [],
  ],
  [
    'a container id that was damaged does not count',
    text.replace('container-1', 'container-7'),
    { ...whole, containerId: `unknown-${whole.hostIfName}` },
    ['container id'],
  ],
];

for (const [name, damaged, record, lost] of damages) {
  test(name, () => {
    assert.deepEqual(recoverRecord(kernel, whole.hostIfName, damaged), { record, lost });
  });
}

test('without an interface, or an entry of the data path, there is nothing to recover', () => {
  for (const lacking of [{ link: () => undefined }, { entry: () => undefined }]) {
    assert.equal(recoverRecord({ ...kernel, ...lacking }, whole.hostIfName, text), undefined);
  }
});

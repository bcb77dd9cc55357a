import assert from 'node:assert/strict';
import { test } from 'node:test';
import { common, decode, namespacePath } from '../../test/support/decoded-request.ts';
import { hostPort, type WrittenRequest } from '../../test/support/malformed-requests.ts';
import { parseAddress } from '../net/address.ts';
import { parsePort } from '../net/port.ts';
import type { CniRequest } from './request.ts';

const mapping = hostPort;

const mappedPorts = { hostPort: parsePort(8080), containerPort: parsePort(80) };

const capabilities: readonly [string, WrittenRequest, CniRequest][] = [
  [
    'empty capabilities',
    { configuration: { runtimeConfig: { portMappings: [], bandwidth: {}, ips: null, mac: '' } } },
    { ...common, kind: 'add', network: 'heddle', namespacePath, pod: undefined },
  ],
  [
    "limits, the runtime's before those of the annotations that it hands on",
    {
      configuration: {
        runtimeConfig: {
          bandwidth: { ingressRate: 1e6, ingressBurst: 2e6, egressRate: 0, egressBurst: 0 },
          'io.kubernetes.cri.pod-annotations': {
            'kubernetes.io/ingress-bandwidth': '3M',
            'kubernetes.io/egress-bandwidth': '4M',
          },
        },
      },
    },
    {
      ...common,
      kind: 'add',
      network: 'heddle',
      namespacePath,
      hasAnnotations: true,
      pod: undefined,
      bandwidth: {
        ingress: { bitsPerSecond: 1e6, burstBits: 2e6 },
        egress: { bitsPerSecond: 4e6 },
      },
    },
  ],
  [
    'port mappings, each once, protocols in any case, a host port of 0 for none',
    {
      configuration: {
        runtimeConfig: {
          portMappings: [
            mapping,
            mapping,
            { ...mapping, hostPort: 0 },
            { ...mapping, protocol: 'Udp', hostIP: '192.0.2.1' },
            { ...mapping, protocol: 'SCTP', hostIP: '2001:DB8::0:1' },
          ],
        },
      },
    },
    {
      ...common,
      kind: 'add',
      namespacePath,
      pod: undefined,
      network: 'heddle',
      portMappings: [
        { protocol: 'tcp', ...mappedPorts },
        { protocol: 'udp', ...mappedPorts, hostAddress: parseAddress('192.0.2.1') },
        { protocol: 'sctp', ...mappedPorts, hostAddress: parseAddress('2001:db8::1') },
      ],
    },
  ],
  [
    "containerd's capabilities, whose names are those of Go's fields",
    {
      configuration: {
        runtimeConfig: {
          portMappings: [{ HostPort: 8080, ContainerPort: 80, Protocol: 'udp', HostIP: '' }],
          bandwidth: {
            IngressRate: 1e6,
            IngressBurst: 0xffff_ffff,
            EgressRate: 2e6,
            EgressBurst: 0xffff_ffff,
          },
        },
      },
    },
    {
      ...common,
      kind: 'add',
      network: 'heddle',
      namespacePath,
      pod: undefined,
      bandwidth: { ingress: { bitsPerSecond: 1e6 }, egress: { bitsPerSecond: 2e6 } },
      portMappings: [{ protocol: 'udp', ...mappedPorts }],
    },
  ],
];

for (const [name, written, expected] of capabilities) {
  test(`decodes ${name}`, () => {
    assert.deepEqual(decode(written), expected);
  });
}

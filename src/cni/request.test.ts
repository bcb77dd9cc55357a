import assert from 'node:assert/strict';
import { test } from 'node:test';
import { common, decode, namespacePath } from '../../test/support/decoded-request.ts';
import {
  hostPort,
  previousResult,
  type WrittenRequest,
} from '../../test/support/malformed-requests.ts';
import { parseAddress } from '../net/address.ts';
import { parseMac } from '../net/mac.ts';
import type { CniRequest } from './request.ts';

const gc = (keys: Readonly<Record<string, unknown>>): WrittenRequest => ({
  environment: { CNI_COMMAND: 'GC', CNI_CONTAINERID: undefined, CNI_NETNS: undefined },
  configuration: { cniVersion: '1.1.0', ...keys },
});

const mapping = hostPort;

const valid: readonly [string, WrittenRequest, CniRequest][] = [
  ['a plain ADD', {}, { ...common, kind: 'add', network: 'heddle', namespacePath, pod: undefined }],
  [
    'an ADD from Kubernetes with its pod',
    {
      environment: {
        CNI_ARGS:
          'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;K8S_POD_INFRA_CONTAINER_ID=c0ffee;K8S_POD_UID=8f1a',
      },
    },
    {
      ...common,
      kind: 'add',
      network: 'heddle',
      namespacePath,
      pod: { namespace: 'shop', name: 'web-1', uid: '8f1a' },
    },
  ],
  [
    'an ADD whose CNI_ARGS name no namespace, as from Podman',
    { environment: { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=box' } },
    { ...common, kind: 'add', network: 'heddle', namespacePath, pod: undefined },
  ],
  [
    'keys that nobody here knows, at any depth',
    { configuration: { ipMasq: true, 'cni.dev/attachments': [], args: { labels: [] }, dns: {} } },
    { ...common, kind: 'add', network: 'heddle', namespacePath, pod: undefined },
  ],
  [
    'a prevResult of null, which is none',
    { configuration: { prevResult: null } },
    { ...common, kind: 'add', network: 'heddle', namespacePath, pod: undefined },
  ],
  [
    'version 0.3.1',
    { configuration: { cniVersion: '0.3.1' } },
    { ...common, version: '0.3.1', kind: 'add', network: 'heddle', namespacePath, pod: undefined },
  ],
  [
    'DEL with a namespace',
    { environment: { CNI_COMMAND: 'DEL' }, configuration: { prevResult: previousResult } },
    { ...common, kind: 'del', namespacePath },
  ],
  [
    'DEL of what ADD was refused for',
    {
      environment: { CNI_COMMAND: 'DEL', CNI_ARGS: '=' },
      configuration: {
        name: '/',
        prevResult: 7,
        runtimeConfig: {
          portMappings: [{ ...mapping, hostPort: -1 }],
          'io.kubernetes.cri.pod-annotations': { 'kubernetes.io/ingress-bandwidth': 'much' },
        },
      },
    },
    { ...common, kind: 'del', namespacePath },
  ],
  [
    'DEL with CNI_NETNS missing',
    { environment: { CNI_COMMAND: 'DEL', CNI_NETNS: undefined } },
    { ...common, kind: 'del', namespacePath: undefined },
  ],
  ...['{', '', '[]', 'null', '"'].map((configuration): [string, WrittenRequest, CniRequest] => [
    `DEL with the configuration ${configuration}, which names no version`,
    { environment: { CNI_COMMAND: 'DEL' }, configuration },
    { ...common, version: '1.1.0', kind: 'del', namespacePath },
  ]),
  [
    'DEL with a CNI_NETNS that is no path',
    { environment: { CNI_COMMAND: 'DEL', CNI_NETNS: 'proc/7' } },
    { ...common, kind: 'del', namespacePath: 'proc/7' },
  ],
  [
    'DEL with CNI_NETNS empty',
    { environment: { CNI_COMMAND: 'DEL', CNI_NETNS: '' } },
    { ...common, kind: 'del', namespacePath: undefined },
  ],
  ...(
    [
      ['the list of GC', [{ containerID: 'c1', ifname: 'eth0' }], undefined],
      ['the list of GC under its older key', undefined, [{ containerID: 'c1', ifname: 'eth0' }]],
      ['the list of GC under both keys', [{ containerID: 'c1', ifname: 'eth0' }], []],
    ] as const
  ).map(([name, current, older]): [string, WrittenRequest, CniRequest] => [
    name,
    gc({ 'cni.dev/valid-attachments': current, 'cni.dev/attachments': older }),
    { kind: 'gc', network: 'heddle', kept: [{ containerId: 'c1', ifName: 'eth0' }] },
  ]),
  [
    'the empty list of GC as Go writes it',
    gc({ 'cni.dev/valid-attachments': null }),
    { kind: 'gc', network: 'heddle', kept: [] },
  ],
  ['GC without a list', gc({}), { kind: 'gc', network: 'heddle', kept: undefined }],
  [
    'STATUS',
    { environment: { CNI_COMMAND: 'STATUS' }, configuration: { cniVersion: '1.1.0' } },
    { kind: 'status' },
  ],
  ...(
    [
      [
        'ips',
        { ips: ['192.0.2.9/24', '2001:db8::9'] },
        '',
        ['192.0.2.9', '2001:db8::9'],
        undefined,
      ],
      ['mac', { mac: '02:00:5E:10:00:09' }, '', [], '02:00:5e:10:00:09'],
      [
        'IP= and MAC=',
        {},
        'IP=192.0.2.9/24;MAC=02:00:5e:10:00:09',
        ['192.0.2.9'],
        '02:00:5e:10:00:09',
      ],
      [
        'two addresses of IP=',
        {},
        'IP=192.0.2.9,2001:db8::9',
        ['192.0.2.9', '2001:db8::9'],
        undefined,
      ],
      ['ips before IP=', { ips: ['192.0.2.9'] }, 'IP=192.0.2.8', ['192.0.2.9'], undefined],
      [
        'an address given twice',
        { ips: ['192.0.2.9', '192.0.2.9/32'] },
        '',
        ['192.0.2.9'],
        undefined,
      ],
    ] as const
  ).map(([name, runtimeConfig, args, addresses, mac]): [string, WrittenRequest, CniRequest] => [
    `what is fixed by ${name}`,
    { environment: { CNI_ARGS: args }, configuration: { runtimeConfig } },
    {
      ...common,
      kind: 'add',
      network: 'heddle',
      namespacePath,
      pod: undefined,
      fixed: {
        addresses: addresses.map((text) => parseAddress(text)),
        ...(mac !== undefined && { mac: parseMac(mac) }),
      },
    },
  ]),
  ...(
    [
      ['aliases as the convention has them', { aliases: ['web'] }],
      ["aliases as Podman's map", { aliases: { heddle: ['web'] } }],
      ['annotations of the pod', { 'io.kubernetes.cri.pod-annotations': { team: 'shop' } }],
      ['capabilities that nobody here knows', { ipRanges: [[{}]], dns: {}, cgroupPath: '/x' }],
      ['capabilities of null', { aliases: null, ips: null, mac: null }],
    ] as const
  ).map(([name, runtimeConfig]): [string, WrittenRequest, CniRequest] => [
    name,
    { configuration: { runtimeConfig } },
    {
      ...common,
      ...{ kind: 'add', network: 'heddle', namespacePath, pod: undefined },
      ...('io.kubernetes.cri.pod-annotations' in runtimeConfig && { hasAnnotations: true }),
    },
  ]),
  [
    'VERSION with nothing else set',
    {
      environment: { CNI_COMMAND: 'VERSION', CNI_CONTAINERID: undefined, CNI_IFNAME: undefined },
      configuration: '',
    },
    { kind: 'version' },
  ],
];

for (const [name, written, expected] of valid) {
  test(`decodes ${name}`, () => {
    assert.deepEqual(decode(written), expected);
  });
}

test('decodes CHECK with the contents of its prevResult', () => {
  const request = decode({
    environment: { CNI_COMMAND: 'CHECK' },
    configuration: { cniVersion: '0.4.0', prevResult: { ...previousResult, dns: {} } },
  });
  assert.ok(request.kind === 'check');
  assert.deepEqual(request.previous.addresses, ['192.0.2.7', '2001:db8::7']);
  assert.equal(request.previous.interfaces[0]?.mac, '02:00:5e:10:00:01');
});

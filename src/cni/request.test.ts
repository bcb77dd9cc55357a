import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinCall } from '../../test/support/join-call.ts';
import {
  hostPort,
  malformedRequests,
  previousResult,
  type WrittenRequest,
  writeRequest,
} from '../../test/support/malformed-requests.ts';
import { parseAddress } from '../net/address.ts';
import { parseMac } from '../net/mac.ts';
import { parsePort } from '../net/port.ts';
import { answerVersion, splitCall } from './call.ts';
import { CniError, cniErrorCode, formatError, toCniError } from './error.ts';
import { type CniRequest, decodeRequest } from './request.ts';

const mapping = hostPort;
const mappedPorts = { hostPort: parsePort(8080), containerPort: parsePort(80) };

function decode(written: WrittenRequest): CniRequest {
  const { environment, input } = writeRequest(written);
  const call = { environment: new Map(Object.entries(environment)), configuration: input };
  return decodeRequest(splitCall(joinCall(call)));
}

const common = { version: '1.0.0', containerId: 'c0ffee', ifName: 'eth0' } as const;
const namespacePath = '/var/run/netns/cni-1';

const gc = (keys: Readonly<Record<string, unknown>>): WrittenRequest => ({
  environment: { CNI_COMMAND: 'GC', CNI_CONTAINERID: undefined, CNI_NETNS: undefined },
  configuration: { cniVersion: '1.1.0', ...keys },
});

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

test('decodes CHECK with what its prevResult says', () => {
  const request = decode({
    environment: { CNI_COMMAND: 'CHECK' },
    configuration: { cniVersion: '0.4.0', prevResult: { ...previousResult, dns: {} } },
  });
  assert.ok(request.kind === 'check');
  assert.deepEqual(request.previous.addresses, ['192.0.2.7', '2001:db8::7']);
  assert.equal(request.previous.interfaces[0]?.mac, '02:00:5e:10:00:01');
});

for (const { written, code, message } of malformedRequests) {
  test(`refuses ${JSON.stringify(written).slice(0, 80)} with ${code}: ${message.slice(0, 100)}`, () => {
    assert.throws(
      () => decode(written),
      (error: unknown) => {
        assert.ok(error instanceof CniError, String(error));
        assert.deepEqual([error.code, error.message], [cniErrorCode[code], message]);
        return true;
      },
    );
  });
}

const brokenBodies: readonly [string, Uint8Array, RegExp][] = [
  ['nothing at all', Buffer.from(''), /the environment has no end/],
  ['an environment without its end', Buffer.from('CNI_COMMAND=ADD'), /has no end/],
  ['an entry without a value', Buffer.from('CNI_COMMAND\0\0{}'), /"CNI_COMMAND" is not NAME=value/],
  ['an entry without a name', Buffer.from('=ADD\0\0{}'), /"=ADD" is not NAME=value/],
  [
    'an environment that is not UTF-8',
    Buffer.from([0xff, 0x3d, 0, 0]),
    /environment: is not UTF-8/,
  ],
  [
    'a configuration that is not UTF-8',
    Buffer.from([0, 0xc3, 0x28]),
    /configuration: is not UTF-8/,
  ],
];

for (const [name, body, text] of brokenBodies) {
  test(`refuses ${name} as not decodable`, () => {
    assert.throws(
      () => splitCall(body),
      (error: unknown) =>
        error instanceof CniError && error.code === cniErrorCode.decode && text.test(error.message),
    );
  });
}

test('keeps every byte of environment and configuration apart', () => {
  const call = splitCall(Buffer.from('CNI_ARGS=a=b;c\0CNI_NETNS=\0\0{"x":"\\u0000"}'));
  assert.deepEqual(
    [...call.environment],
    [
      ['CNI_ARGS', 'a=b;c'],
      ['CNI_NETNS', ''],
    ],
  );
  assert.equal(call.configuration, '{"x":"\\u0000"}');
});

const versions: readonly [string, string][] = [
  ['{"cniVersion":"0.4.0"}', '0.4.0'],
  ['{"cniVersion":"7.0.0"}', '7.0.0'],
  ['{"cniVersion":7}', '1.1.0'],
  ['{}', '1.1.0'],
  ['null', '1.1.0'],
  ['{', '1.1.0'],
];

for (const [text, expected] of versions) {
  test(`answers a request of ${text} in version ${expected}`, () => {
    assert.equal(answerVersion({ environment: new Map(), configuration: text }), expected);
  });
}

test('writes an error as the specification wants it', () => {
  const error = new CniError(cniErrorCode.tryLater, 'no addresses', { details: 'wait' });
  assert.equal(
    formatError('1.0.0', error),
    '{"cniVersion":"1.0.0","code":11,"msg":"no addresses","details":"wait"}\n',
  );
  assert.equal(
    formatError('0.4.0', toCniError(new TypeError('a bug'))),
    '{"cniVersion":"0.4.0","code":999,"msg":"a bug"}\n',
  );
});

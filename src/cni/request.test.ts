import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../net/address.ts';
import { parseMac } from '../net/mac.ts';
import { parsePort } from '../net/port.ts';
import { answerVersion, joinCall, splitCall } from './call.ts';
import { CniError, cniErrorCode, formatError, toCniError } from './error.ts';
import { type CniRequest, decodeRequest } from './request.ts';

const mapping = { hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '' };
const mappedPorts = { hostPort: parsePort(8080), containerPort: parsePort(80) };
const environment = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c0ffee',
  CNI_IFNAME: 'eth0',
  CNI_NETNS: '/var/run/netns/cni-1',
  CNI_PATH: '/opt/cni/bin',
};
const configuration = { cniVersion: '1.0.0', name: 'heddle', type: 'heddle' };
const previous = {
  interfaces: [{ name: 'eth0', mac: '02:00:5e:10:00:01', sandbox: '/var/run/netns/cni-1' }],
  ips: [{ address: '192.0.2.7/32', interface: 0 }, { address: '2001:db8::7/128' }],
};

interface Written {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly configuration?: Readonly<Record<string, unknown>> | string;
}

function bodyOf(written: Written): Uint8Array {
  const merged = Object.entries({ ...environment, ...written.environment });
  const { configuration: changes } = written;
  return joinCall({
    environment: new Map(
      merged.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    ),
    configuration:
      typeof changes === 'string' ? changes : JSON.stringify({ ...configuration, ...changes }),
  });
}

function decode(written: Written): CniRequest {
  return decodeRequest(splitCall(bodyOf(written)));
}

const common = { version: '1.0.0', containerId: 'c0ffee', ifName: 'eth0' } as const;
const namespacePath = '/var/run/netns/cni-1';

const gc = (keys: Readonly<Record<string, unknown>>): Written => ({
  environment: { CNI_COMMAND: 'GC', CNI_CONTAINERID: undefined, CNI_NETNS: undefined },
  configuration: { cniVersion: '1.1.0', ...keys },
});

const valid: readonly [string, Written, CniRequest][] = [
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
    { environment: { CNI_COMMAND: 'DEL' }, configuration: { prevResult: previous } },
    { ...common, kind: 'del', namespacePath },
  ],
  [
    'DEL with CNI_NETNS missing',
    { environment: { CNI_COMMAND: 'DEL', CNI_NETNS: undefined } },
    { ...common, kind: 'del', namespacePath: undefined },
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
  ).map(([name, current, older]): [string, Written, CniRequest] => [
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
  ).map(([name, runtimeConfig, args, addresses, mac]): [string, Written, CniRequest] => [
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
  ).map(([name, runtimeConfig]): [string, Written, CniRequest] => [
    name,
    { configuration: { runtimeConfig } },
    { ...common, kind: 'add', network: 'heddle', namespacePath, pod: undefined },
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
    configuration: { cniVersion: '0.4.0', prevResult: { ...previous, dns: {} } },
  });
  assert.ok(request.kind === 'check');
  assert.deepEqual(request.previous.addresses, ['192.0.2.7', '2001:db8::7']);
  assert.equal(request.previous.interfaces[0]?.mac, '02:00:5e:10:00:01');
});

const check = { CNI_COMMAND: 'CHECK' };
const withArgs = (text: string): Written => ({ environment: { CNI_ARGS: text } });
const withKey = (key: string, value: unknown): Written => ({ configuration: { [key]: value } });
const withPort = (change: object) => withRuntime('portMappings', [{ ...mapping, ...change }]);
const withRuntime = (key: string, value: unknown) => withKey('runtimeConfig', { [key]: value });
const withVariable = (name: string, value?: string): Written => ({
  environment: { [name]: value },
});
const withPrevious = (prevResult: unknown): Written => ({
  environment: check,
  configuration: { prevResult },
});

const malformed: readonly [Written, keyof typeof cniErrorCode, RegExp][] = [
  [withVariable('CNI_COMMAND'), 'invalidEnvironment', /^CNI_COMMAND: is not set$/],
  [withVariable('CNI_COMMAND', 'add'), 'invalidEnvironment', /"add" is not one of ADD, DEL/],
  [withVariable('CNI_COMMAND', 'GCC'), 'invalidEnvironment', /"GCC" is not one of/],
  [withVariable('CNI_CONTAINERID'), 'invalidEnvironment', /^ADD: CNI_CONTAINERID: is not set$/],
  [withVariable('CNI_CONTAINERID', ''), 'invalidEnvironment', /CNI_CONTAINERID: is not set/],
  [withVariable('CNI_CONTAINERID', '../../etc'), 'invalidEnvironment', /"..\/..\/etc" is not a c/],
  [withVariable('CNI_CONTAINERID', '-rf'), 'invalidEnvironment', /"-rf" is not a container id/],
  [withVariable('CNI_CONTAINERID', 'a\nb'), 'invalidEnvironment', /"a\\nb" is not a container id/],
  [withVariable('CNI_CONTAINERID', 'a'.repeat(256)), 'invalidEnvironment', /longer than 255/],
  [withVariable('CNI_IFNAME'), 'invalidEnvironment', /CNI_IFNAME: is not set/],
  [withVariable('CNI_IFNAME', 'sixteen-letters-'), 'invalidEnvironment', /not an interface name/],
  [withVariable('CNI_IFNAME', 'a/b'), 'invalidEnvironment', /"a\/b" is not an interface name/],
  [withVariable('CNI_IFNAME', 'a b'), 'invalidEnvironment', /"a b" is not an interface name/],
  [withVariable('CNI_IFNAME', 'eth0:1'), 'invalidEnvironment', /"eth0:1" is not an interface name/],
  [withVariable('CNI_IFNAME', '..'), 'invalidEnvironment', /"\.\." is not an interface name/],
  [withVariable('CNI_IFNAME', 'ünsichtbar-eth0'), 'invalidEnvironment', /is not an interface name/],
  [withVariable('CNI_NETNS'), 'invalidEnvironment', /CNI_NETNS: is not set/],
  [withVariable('CNI_NETNS', ''), 'invalidEnvironment', /CNI_NETNS: is not set/],
  [
    withVariable('CNI_NETNS', 'netns/x'),
    'invalidEnvironment',
    /"netns\/x" is not an absolute path/,
  ],
  [
    { environment: { CNI_CONTAINERID: undefined, CNI_IFNAME: '', CNI_NETNS: undefined } },
    'invalidEnvironment',
    /CNI_CONTAINERID: .*CNI_IFNAME: .*CNI_NETNS: /,
  ],
  [{ environment: { ...check, CNI_NETNS: '' } }, 'invalidEnvironment', /^CHECK: CNI_NETNS/],
  [withArgs('K8S_POD_NAME'), 'invalidEnvironment', /CNI_ARGS: "K8S_POD_NAME" is not KEY=VALUE/],
  [withArgs('=x'), 'invalidEnvironment', /CNI_ARGS: "=x" is not KEY=VALUE/],
  [withArgs('IP=192.0.2.300'), 'invalidEnvironment', /^CNI_ARGS: IP: "192.0.2.300" is not an IPv4/],
  [withArgs('IP=192.0.2.9,192.0.2.8'), 'invalidEnvironment', /is more than one of a family$/],
  [withArgs('MAC=02:00:5e'), 'invalidEnvironment', /^CNI_ARGS: MAC: "02:00:5e" is not a MAC addr/],
  [withArgs('MAC=01:00:5e:10:00:09'), 'invalidEnvironment', /is a multicast address$/],
  [withRuntime('ips', ['x']), 'invalidConfiguration', /runtimeConfig.ips: "x" is not an IPv4/],
  [withRuntime('ips', [7]), 'invalidConfiguration', /runtimeConfig.ips.0: /],
  [withRuntime('ips', '192.0.2.9'), 'invalidConfiguration', /runtimeConfig.ips: /],
  [
    withRuntime('ips', ['2001:db8::1', '2001:db8::2']),
    'invalidConfiguration',
    /ips: "2001:db8::1, 2001:db8::2" is more than one of a family$/,
  ],
  [withRuntime('mac', 'x'), 'invalidConfiguration', /runtimeConfig.mac: "x" is not a MAC address/],
  [
    withRuntime('mac', '00:00:00:00:00:00'),
    'invalidConfiguration',
    /is no address of an interface/,
  ],
  [withRuntime('mac', 7), 'invalidConfiguration', /runtimeConfig.mac: /],
  [gc({ 'cni.dev/valid-attachments': {} }), 'invalidConfiguration', /cni.dev\/valid-attachments: /],
  [
    gc({ 'cni.dev/valid-attachments': [{ containerID: 'c1' }] }),
    'invalidConfiguration',
    /cni.dev\/valid-attachments.0.ifname: /,
  ],
  [
    gc({ 'cni.dev/attachments': [{ containerID: '', ifname: 'eth0' }] }),
    'invalidConfiguration',
    /cni.dev\/attachments.0.containerID: /,
  ],
  [gc({ cniVersion: '1.0.0' }), 'incompatibleVersion', /^GC: cniVersion 1.0.0 has no GC \(1.1.0/],
  [gc({ name: undefined }), 'invalidConfiguration', /network configuration: name: /],
  [
    withVariable('CNI_COMMAND', 'STATUS'),
    'incompatibleVersion',
    /^STATUS: cniVersion 1.0.0 has no/,
  ],
  [{ configuration: '' }, 'decode', /network configuration: is empty/],
  [{ configuration: '{"cniVersion":' }, 'decode', /network configuration: SyntaxError/],
  [{ configuration: '[]' }, 'decode', /is not a JSON object/],
  [{ configuration: 'null' }, 'decode', /is not a JSON object/],
  [{ configuration: '"heddle"' }, 'decode', /is not a JSON object/],
  [withKey('cniVersion', undefined), 'incompatibleVersion', /cniVersion: absent is not one of/],
  [withKey('cniVersion', '0.2.0'), 'incompatibleVersion', /"0.2.0" is not one of 0.3.1, 0.4.0/],
  [withKey('cniVersion', '2.0.0'), 'incompatibleVersion', /"2.0.0" is not one of/],
  [withKey('cniVersion', 1), 'incompatibleVersion', /cniVersion: 1 is not one of/],
  [withKey('name', undefined), 'invalidConfiguration', /network configuration: name: /],
  [withKey('name', ''), 'invalidConfiguration', /name: is not a network name/],
  [withKey('name', '/etc/passwd'), 'invalidConfiguration', /name: is not a network name/],
  [withKey('type', 7), 'invalidConfiguration', /network configuration: type: /],
  [withKey('runtimeConfig', []), 'invalidConfiguration', /network configuration: runtimeConfig: /],
  [withKey('prevResult', 'x'), 'invalidConfiguration', /network configuration: prevResult: /],
  [withKey('prevResult', previous), 'invalidConfiguration', /prevResult: .*cannot follow another/],
  [withRuntime('bandwidth', { ingressRate: 1 }), 'invalidConfiguration', /ingressRate: 1 is not/],
  [
    withRuntime('bandwidth', { ingressRate: '1M' }),
    'invalidConfiguration',
    /bandwidth.ingressRate/,
  ],
  [
    withPort({ containerPort: undefined }),
    'invalidConfiguration',
    /portMappings.0.containerPort: /,
  ],
  [withPort({ hostPort: 65_536 }), 'invalidConfiguration', /0.hostPort: is not a port/],
  [withPort({ hostPort: -1 }), 'invalidConfiguration', /0.hostPort: is not a port/],
  [withPort({ hostPort: '80' }), 'invalidConfiguration', /0.hostPort: /],
  [withPort({ containerPort: 0 }), 'invalidConfiguration', /0.containerPort: is not a port/],
  [withPort({ protocol: 'icmp' }), 'invalidConfiguration', /0.protocol: is not tcp, udp or sctp/],
  [withPort({ hostIP: 'localhost' }), 'invalidConfiguration', /0.hostIP: is not an address/],
  [
    withRuntime('portMappings', [mapping, { ...mapping, containerPort: 81 }]),
    'invalidConfiguration',
    /portMappings: has a host port twice/,
  ],
  [withRuntime('portMappings', 8080), 'invalidConfiguration', /runtimeConfig.portMappings: /],
  [withPrevious(undefined), 'invalidConfiguration', /prevResult: is missing; CHECK compares/],
  [withPrevious(null), 'invalidConfiguration', /prevResult: is missing/],
  [withPrevious({ ips: [{}] }), 'invalidConfiguration', /prevResult.ips.0.address: /],
  [withPrevious({ ips: [{ address: 'x/32' }] }), 'invalidConfiguration', /is not an address/],
  [withPrevious({ interfaces: [{}] }), 'invalidConfiguration', /prevResult.interfaces.0.name: /],
  [
    { environment: check, configuration: { cniVersion: '0.3.1', prevResult: previous } },
    'incompatibleVersion',
    /cniVersion 0.3.1 has no CHECK/,
  ],
];

for (const [written, code, text] of malformed) {
  test(`refuses with ${code} ${text}`, () => {
    assert.throws(
      () => decode(written),
      (error: unknown) => {
        assert.ok(error instanceof CniError, String(error));
        assert.equal(error.code, cniErrorCode[code], error.message);
        assert.match(error.message, text);
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

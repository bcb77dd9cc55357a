// Faulty CNI requests, with the error for each: one table for the decoder alone and for the whole way through the
// executable and an agent.

import type { cniErrorCode } from '../../src/cni/error.ts';

/** A request as changes to a valid ADD. */
export interface WrittenRequest {
  /** Undefined: the variable is not set. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Keys of the configuration, or the whole standard input. */
  readonly configuration?: Readonly<Record<string, unknown>> | string;
}

export interface MalformedRequest {
  readonly written: WrittenRequest;
  readonly code: keyof typeof cniErrorCode;
  /** The whole text. */
  readonly message: string;
}

export const validEnvironment: Readonly<Record<string, string>> = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c0ffee',
  CNI_IFNAME: 'eth0',
  CNI_NETNS: '/var/run/netns/cni-1',
  CNI_PATH: '/opt/cni/bin',
};

export const validConfiguration: Readonly<Record<string, unknown>> = {
  cniVersion: '1.0.0',
  name: 'heddle',
  type: 'heddle',
};

/** Environment and standard input of a request. `base` replaces the valid environment. */
export function writeRequest(
  { environment, configuration }: WrittenRequest,
  base: Readonly<Record<string, string>> = validEnvironment,
): { readonly environment: Readonly<Record<string, string>>; readonly input: string } {
  const merged = Object.entries({ ...base, ...environment });
  return {
    environment: Object.fromEntries(
      merged.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    ),
    input:
      typeof configuration === 'string'
        ? configuration
        : JSON.stringify({ ...validConfiguration, ...configuration }),
  };
}

/** The result of the ADD above, as a later CHECK or a chained plugin has it. */
export const previousResult: Readonly<Record<string, unknown>> = {
  interfaces: [{ name: 'eth0', mac: '02:00:5e:10:00:01', sandbox: '/var/run/netns/cni-1' }],
  ips: [{ address: '192.0.2.7/32', interface: 0 }, { address: '2001:db8::7/128' }],
};

export const hostPort: Readonly<Record<string, unknown>> = {
  hostPort: 8080,
  containerPort: 80,
  protocol: 'tcp',
  hostIP: '',
};

type Case = readonly [written: WrittenRequest, message: string];

function refused(
  code: keyof typeof cniErrorCode,
  prefix: string,
  cases: readonly Case[],
): readonly MalformedRequest[] {
  return cases.map(([written, text]) => ({ written, code, message: `${prefix}${text}` }));
}

const variable = (name: string, value?: string): WrittenRequest => ({
  environment: { [name]: value },
});
const cniArgs = (text: string): WrittenRequest => variable('CNI_ARGS', text);
const input = (configuration: string): WrittenRequest => ({ configuration });
const key = (name: string, value: unknown): WrittenRequest => ({
  configuration: { [name]: value },
});
const capability = (name: string, value: unknown): WrittenRequest =>
  key('runtimeConfig', { [name]: value });
const port = (change: object): WrittenRequest =>
  capability('portMappings', [{ ...hostPort, ...change }]);
const bandwidth = (fields: object): WrittenRequest => capability('bandwidth', fields);
const annotation = (direction: string, value: unknown): WrittenRequest =>
  capability('io.kubernetes.cri.pod-annotations', {
    [`kubernetes.io/${direction}-bandwidth`]: value,
  });
const verb = (
  command: string,
  configuration: Readonly<Record<string, unknown>>,
): WrittenRequest => ({ environment: { CNI_COMMAND: command }, configuration });
const check = (prevResult: unknown): WrittenRequest => verb('CHECK', { prevResult });
const gc = (fields: Readonly<Record<string, unknown>>): WrittenRequest =>
  verb('GC', { cniVersion: '1.1.0', ...fields });

const environmentCases = refused('invalidEnvironment', '', [
  [variable('CNI_COMMAND'), 'CNI_COMMAND: is not set'],
  [variable('CNI_COMMAND', ''), 'CNI_COMMAND: is not set'],
  [
    variable('CNI_COMMAND', 'add'),
    'CNI_COMMAND: "add" is not one of ADD, DEL, CHECK, GC, STATUS, VERSION',
  ],
  [
    variable('CNI_COMMAND', 'GCC'),
    'CNI_COMMAND: "GCC" is not one of ADD, DEL, CHECK, GC, STATUS, VERSION',
  ],
  [variable('CNI_CONTAINERID'), 'ADD: CNI_CONTAINERID: is not set'],
  [variable('CNI_CONTAINERID', ''), 'ADD: CNI_CONTAINERID: is not set'],
  [
    variable('CNI_CONTAINERID', '../../etc'),
    'ADD: CNI_CONTAINERID: "../../etc" is not a container id (letters, digits, _ . -)',
  ],
  [
    variable('CNI_CONTAINERID', '-rf'),
    'ADD: CNI_CONTAINERID: "-rf" is not a container id (letters, digits, _ . -)',
  ],
  [
    variable('CNI_CONTAINERID', 'a\nb'),
    'ADD: CNI_CONTAINERID: "a\\nb" is not a container id (letters, digits, _ . -)',
  ],
  [
    variable('CNI_CONTAINERID', 'a'.repeat(256)),
    'ADD: CNI_CONTAINERID: is longer than 255 characters',
  ],
  [variable('CNI_IFNAME'), 'ADD: CNI_IFNAME: is not set'],
  [
    variable('CNI_IFNAME', 'sixteen-letters-'),
    'ADD: CNI_IFNAME: "sixteen-letters-" is not an interface name (1-15 bytes, no space, / or :)',
  ],
  [
    variable('CNI_IFNAME', 'a/b'),
    'ADD: CNI_IFNAME: "a/b" is not an interface name (1-15 bytes, no space, / or :)',
  ],
  [
    variable('CNI_IFNAME', 'a b'),
    'ADD: CNI_IFNAME: "a b" is not an interface name (1-15 bytes, no space, / or :)',
  ],
  [
    variable('CNI_IFNAME', 'eth0:1'),
    'ADD: CNI_IFNAME: "eth0:1" is not an interface name (1-15 bytes, no space, / or :)',
  ],
  [
    variable('CNI_IFNAME', '..'),
    'ADD: CNI_IFNAME: ".." is not an interface name (1-15 bytes, no space, / or :)',
  ],
  [
    variable('CNI_IFNAME', 'ünsichtbar-eth0'),
    'ADD: CNI_IFNAME: "ünsichtbar-eth0" is not an interface name (1-15 bytes, no space, / or :)',
  ],
  [variable('CNI_NETNS'), 'ADD: CNI_NETNS: is not set'],
  [variable('CNI_NETNS', ''), 'ADD: CNI_NETNS: is not set'],
  [variable('CNI_NETNS', 'netns/x'), 'ADD: CNI_NETNS: "netns/x" is not an absolute path'],
  [
    { environment: { CNI_CONTAINERID: undefined, CNI_IFNAME: '', CNI_NETNS: undefined } },
    'ADD: CNI_CONTAINERID: is not set; CNI_IFNAME: is not set; CNI_NETNS: is not set',
  ],
  [{ environment: { CNI_COMMAND: 'CHECK', CNI_NETNS: '' } }, 'CHECK: CNI_NETNS: is not set'],
  [
    { environment: { CNI_COMMAND: 'DEL', CNI_CONTAINERID: '' } },
    'DEL: CNI_CONTAINERID: is not set',
  ],
  [cniArgs('K8S_POD_NAME'), 'CNI_ARGS: "K8S_POD_NAME" is not KEY=VALUE'],
  [cniArgs('=x'), 'CNI_ARGS: "=x" is not KEY=VALUE'],
  [cniArgs('IP=192.0.2.300'), 'CNI_ARGS: IP: "192.0.2.300" is not an IPv4 or IPv6 address'],
  [
    cniArgs('IP=192.0.2.9,192.0.2.8'),
    'CNI_ARGS: IP: "192.0.2.9, 192.0.2.8" has more than one address of a family',
  ],
  [cniArgs('MAC=02:00:5e'), 'CNI_ARGS: MAC: "02:00:5e" is not a MAC address (aa:bb:cc:dd:ee:ff)'],
  [cniArgs('MAC=01:00:5e:10:00:09'), 'CNI_ARGS: MAC: "01:00:5e:10:00:09" is a multicast address'],
]);

// Each version of Node.js words JSON errors differently.
function notJson(text: string): string {
  try {
    return `is JSON: ${JSON.parse(text)}`;
  } catch (error) {
    return `is not JSON: ${error instanceof Error ? error.message : ''}`;
  }
}

const undecodable = refused('decode', 'network configuration: ', [
  [input(''), 'is empty'],
  [input(' \n'), 'is empty'],
  [input('{"cniVersion":'), 'is not JSON: Unexpected end of JSON input'],
  [input('{"cniVersion":"1.0.0",}'), notJson('{"cniVersion":"1.0.0",}')],
  [input('[]'), 'is not a JSON object'],
  [input('null'), 'is not a JSON object'],
  [input('"heddle"'), 'is not a JSON object'],
  [{ environment: { CNI_COMMAND: 'CHECK' }, configuration: '{' }, notJson('{')],
]);

const otherVersions = refused('incompatibleVersion', '', [
  [
    key('cniVersion', undefined),
    'network configuration: cniVersion: absent is not one of 0.3.1, 0.4.0, 1.0.0, 1.1.0',
  ],
  [
    key('cniVersion', ''),
    'network configuration: cniVersion: "" is not one of 0.3.1, 0.4.0, 1.0.0, 1.1.0',
  ],
  [
    key('cniVersion', '0.2.0'),
    'network configuration: cniVersion: "0.2.0" is not one of 0.3.1, 0.4.0, 1.0.0, 1.1.0',
  ],
  [
    key('cniVersion', '2.0.0'),
    'network configuration: cniVersion: "2.0.0" is not one of 0.3.1, 0.4.0, 1.0.0, 1.1.0',
  ],
  [
    key('cniVersion', 1),
    'network configuration: cniVersion: 1 is not one of 0.3.1, 0.4.0, 1.0.0, 1.1.0',
  ],
  [
    verb('DEL', { cniVersion: '0.1.0' }),
    'network configuration: cniVersion: "0.1.0" is not one of 0.3.1, 0.4.0, 1.0.0, 1.1.0',
  ],
  [
    verb('CHECK', { cniVersion: '0.3.1', prevResult: previousResult }),
    'CHECK: cniVersion 0.3.1 has no CHECK (0.4.0 is the first)',
  ],
  [gc({ cniVersion: '1.0.0' }), 'GC: cniVersion 1.0.0 has no GC (1.1.0 is the first)'],
  [verb('STATUS', {}), 'STATUS: cniVersion 1.0.0 has no STATUS (1.1.0 is the first)'],
]);

const configurationCases = refused('invalidConfiguration', 'network configuration: ', [
  [key('name', undefined), 'name: is required'],
  [key('name', ''), 'name: "" is not a network name (letters, digits, _ . -)'],
  [key('name', '/etc/passwd'), 'name: /etc/passwd is not a network name (letters, digits, _ . -)'],
  [key('type', 7), 'type: 7 is not a string'],
  [key('runtimeConfig', []), 'runtimeConfig: [] is not a map'],
  [key('prevResult', 'x'), 'prevResult: x is not a map'],
  [
    key('prevResult', previousResult),
    'prevResult: heddle makes the pod interface itself, so it cannot follow another plugin',
  ],
  [check(undefined), 'prevResult: is missing; CHECK compares with it'],
  [check(null), 'prevResult: is missing; CHECK compares with it'],
  [check({ ips: [{}] }), 'prevResult.ips[0].address: is required'],
  [
    check({ ips: [{ address: 'x/32' }] }),
    'prevResult.ips[0].address: x/32 is not an address with a length',
  ],
  [check({ interfaces: [{}] }), 'prevResult.interfaces[0].name: is required'],
  [check({ interfaces: 7 }), 'prevResult.interfaces: 7 is not a list'],
  [gc({ name: undefined }), 'name: is required'],
  [gc({ 'cni.dev/valid-attachments': {} }), '["cni.dev/valid-attachments"]: {} is not a list'],
  [
    gc({ 'cni.dev/valid-attachments': [{ containerID: 'c1' }] }),
    '["cni.dev/valid-attachments"][0].ifname: is required',
  ],
  [
    gc({ 'cni.dev/attachments': [{ containerID: '', ifname: 'eth0' }] }),
    '["cni.dev/attachments"][0].containerID: "" is not a container id',
  ],
  [capability('ips', ['x']), 'runtimeConfig.ips: "x" is not an IPv4 or IPv6 address'],
  [capability('ips', [7]), 'runtimeConfig.ips[0]: 7 is not a string'],
  [capability('ips', '192.0.2.9'), 'runtimeConfig.ips: 192.0.2.9 is not a list'],
  [
    capability('ips', ['2001:db8::1', '2001:db8::2']),
    'runtimeConfig.ips: "2001:db8::1, 2001:db8::2" has more than one address of a family',
  ],
  [capability('mac', 'x'), 'runtimeConfig.mac: "x" is not a MAC address (aa:bb:cc:dd:ee:ff)'],
  [capability('mac', 7), 'runtimeConfig.mac: 7 is not a string'],
  [
    capability('mac', '00:00:00:00:00:00'),
    'runtimeConfig.mac: "00:00:00:00:00:00" is not an address for an interface',
  ],
  [
    bandwidth({ ingressRate: 1 }),
    'runtimeConfig.bandwidth.ingressRate: 1 is not between 1000 and 1000000000000000 bits a second',
  ],
  [bandwidth({ ingressRate: '1M' }), 'runtimeConfig.bandwidth.ingressRate: 1M is not a number'],
  [
    bandwidth({ egressRate: -1 }),
    'runtimeConfig.bandwidth.egressRate: -1 is not between 1000 and 1000000000000000 bits a second',
  ],
  [
    bandwidth({ egressBurst: 5 }),
    'runtimeConfig.bandwidth.egressBurst: 5 is a burst without a rate',
  ],
  [
    bandwidth({ ingressRate: 1e6, ingressBurst: 0.5 }),
    'runtimeConfig.bandwidth.ingressBurst: 0.5 is not a whole number of bits, 1 to 4294967295',
  ],
  [
    capability('io.kubernetes.cri.pod-annotations', ['a']),
    'runtimeConfig["io.kubernetes.cri.pod-annotations"]: ["a"] is not a map',
  ],
  [
    annotation('egress', 7),
    'runtimeConfig["io.kubernetes.cri.pod-annotations"]["kubernetes.io/egress-bandwidth"]: 7 is not a string',
  ],
  [capability('portMappings', 8080), 'runtimeConfig.portMappings: 8080 is not a list'],
  [
    capability('portMappings', [hostPort, { ...hostPort, containerPort: 81 }]),
    'runtimeConfig.portMappings: tcp 8080 is a host port that is requested twice',
  ],
  [
    capability('portMappings', Array(10_001).fill(0)),
    `runtimeConfig.portMappings: [${'0,'.repeat(99)}0... has more than 10000 entries`,
  ],
  [
    port({ containerPort: undefined }),
    'runtimeConfig.portMappings[0].containerPort: is not a port (1-65535)',
  ],
  [
    port({ containerPort: 0 }),
    'runtimeConfig.portMappings[0].containerPort: 0 is not a port (1-65535)',
  ],
  [
    port({ hostPort: 65_536 }),
    'runtimeConfig.portMappings[0].hostPort: 65536 is not a port (1-65535)',
  ],
  [port({ hostPort: -1 }), 'runtimeConfig.portMappings[0].hostPort: -1 is not a port (1-65535)'],
  [port({ hostPort: '80' }), 'runtimeConfig.portMappings[0].hostPort: 80 is not a port (1-65535)'],
  [
    port({ protocol: 'icmp' }),
    'runtimeConfig.portMappings[0].protocol: icmp is not tcp, udp or sctp',
  ],
  [
    port({ hostIP: 'localhost' }),
    'runtimeConfig.portMappings[0].hostIP: localhost is not an address',
  ],
]);

const annotationCases = refused('invalidConfiguration', 'pod annotation kubernetes.io/', [
  [annotation('ingress', 'much'), 'ingress-bandwidth: "much" is not a quantity'],
  [
    annotation('egress', '1'),
    'egress-bandwidth: "1" is not between 1000 and 1000000000000000 bits a second',
  ],
]);

/** Refused in any state of the node. */
export const malformedRequests: readonly MalformedRequest[] = [
  ...environmentCases,
  ...undecodable,
  ...otherVersions,
  ...configurationCases,
  ...annotationCases,
];

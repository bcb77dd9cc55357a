import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { agentCommand } from '../cli/agent.ts';
import { configFlags } from './flags.ts';
import { loadConfig, parseConfig } from './load.ts';

const least = { node: 'node-1', cluster: { directory: 'demo' } };

test('a minimal configuration gets every default', () => {
  const config = parseConfig(least);
  assert.deepEqual(config, {
    node: 'node-1',
    mode: 'native',
    cluster: { directory: 'demo' },
    stateDir: '/var/lib/heddle',
    socket: '/run/heddle/agent.sock',
    pinDir: '/sys/fs/bpf/heddle',
    uplinks: 'auto',
    mtuBytes: 'auto',
    masquerade: true,
    nonMasqueradeCidrs: [],
    podCidrs: [],
    ipam: { cooldownMs: 30_000, reservedCidrs: [], excludedCidrs: [] },
    vxlan: { port: 4789, vni: 1 },
    cni: { binDir: '/opt/cni/bin' },
    health: { address: '127.0.0.1:9656' },
    metrics: { address: 'none' },
    logLevel: 'info',
    reconcilePeriodMs: 10_000,
    flowEntries: 262_144,
    endpointEntries: 1024,
    addressEntries: 65_536,
    routeEntries: 16_384,
    eventsPerSecond: 1000,
    services: {
      mode: 'off',
      healthAddress: 'none',
      nodePortAddresses: [],
      nodePortRange: '30000-32767',
      podSockets: true,
      frontendEntries: 262_144,
      slotEntries: 1_048_576,
      backendsPerPort: 65_535,
      rangeEntries: 65_536,
      affinityEntries: 65_536,
      lookupTables: 256,
    },
  });
});

const bad: readonly [string, unknown, string][] = [
  [
    'a health port that pods reach',
    { ...least, health: { address: '[::]:9656' } },
    'configuration: health.address: [::]:9656 is not a loopback address with a port (127.0.0.1:9656, [::1]:9656)',
  ],
  [
    'a mode of Services that does not exist',
    { ...least, services: { mode: 'maybe' } },
    'configuration: services.mode: maybe is not a mode (off, on, auto)',
  ],
  [
    'node ports at an address that is no range',
    { ...least, services: { nodePortAddresses: ['192.0.2.1'] } },
    'configuration: services.nodePortAddresses[0]: 192.0.2.1 is not a CIDR prefix (address/length)',
  ],
  [
    'node ports at the primary addresses and others',
    { ...least, services: { nodePortAddresses: ['primary', '192.0.2.0/24'] } },
    'configuration: services.nodePortAddresses: has "primary" beside other values',
  ],
  [
    'node ports in a range that ends before it begins',
    { ...least, services: { nodePortRange: '32767-30000' } },
    'configuration: services.nodePortRange: 32767-30000 is not a range of ports (30000-32767)',
  ],
  [
    'a metrics port that is none',
    { ...least, metrics: { address: 'localhost:9655' } },
    'configuration: metrics.address: localhost:9655 is neither "none" nor an address with a port (127.0.0.1:9655, [::]:9655)',
  ],
  [
    'one port for health and metrics',
    { ...least, metrics: { address: '[::]:9656' } },
    'configuration: metrics.address: [::]:9656 is the port of health.address (127.0.0.1:9656): give it another',
  ],
  ['a missing node', { cluster: { directory: 'd' } }, 'configuration: node: is required'],
  [
    'a cluster without a source',
    { node: 'n' },
    'configuration: cluster: has neither directory (a folder of manifests) nor kubernetes (an API server): one is required',
  ],
  [
    'a cluster with two sources',
    { node: 'n', cluster: { directory: 'd', kubernetes: {} } },
    'configuration: cluster: has both directory (a folder of manifests) and kubernetes (an API server): only one is allowed',
  ],
  [
    'an address without a scheme',
    { node: 'n', cluster: { kubernetes: { apiServers: ['192.0.2.1:6443'] } } },
    'configuration: cluster.kubernetes.apiServers[0]: 192.0.2.1:6443 is not the address of an API server (https://192.0.2.1:6443)',
  ],
  [
    'an address with a password',
    { node: 'n', cluster: { kubernetes: { apiServers: ['https://me:pw@192.0.2.1:6443'] } } },
    'configuration: cluster.kubernetes.apiServers[0]: https://<removed>@192.0.2.1:6443 is not the address of an API server (https://192.0.2.1:6443)',
  ],
  ['an unknown key', { ...least, mod: 'vxlan' }, 'configuration: mod: vxlan is not a known key'],
  [
    'a key spelled as its flag',
    { ...least, 'flow-entries': 5 },
    'configuration: flow-entries: 5 is not a known key; did you mean flowEntries?',
  ],
  [
    'an unknown key below another',
    { ...least, vxlan: { vnid: 7 } },
    'configuration: vxlan.vnid: 7 is not a known key',
  ],
  [
    'a mode that is none',
    { ...least, mode: 'geneve' },
    'configuration: mode: geneve is not a mode (native, vxlan)',
  ],
  [
    'a port out of range',
    { ...least, vxlan: { port: 70_000 } },
    'configuration: vxlan.port: 70000 is not a port (1-65535)',
  ],
  [
    'a prefix that is none',
    { ...least, nonMasqueradeCidrs: ['192.0.2.0/24', '192.0.2.0/33'] },
    'configuration: nonMasqueradeCidrs[1]: 192.0.2.0/33 is not a CIDR prefix (address/length)',
  ],
  [
    'an MTU below what IPv6 needs',
    { ...least, mtuBytes: 1200 },
    'configuration: mtuBytes: 1200 is neither "auto" nor a size in bytes (1280-65535)',
  ],
  [
    'a relative state directory',
    { ...least, stateDir: 'state' },
    'configuration: stateDir: state is not an absolute path',
  ],
  [
    'a fraction',
    { ...least, flowEntries: 1024.5 },
    'configuration: flowEntries: 1024.5 is not a whole number (1024-16777216)',
  ],
  ['a list instead of keys', [1], 'configuration: [1] is not a map of keys'],
];

for (const [what, value, text] of bad) {
  test(`${what} is reported with key, value and rule`, () => {
    assert.throws(() => parseConfig(value), { message: text });
  });
}

test('all problems are reported together, one per line', () => {
  assert.throws(() => parseConfig({ ...least, mode: 'x', masquerade: 'maybe' }), {
    message:
      'configuration: mode: x is not a mode (native, vxlan)\n' +
      'configuration: masquerade: maybe is neither true nor false',
  });
});

test("flags override the file and are converted to their key's type", () => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-config-'));
  try {
    const file = join(folder, 'agent.yaml');
    writeFileSync(file, 'node: node-1\ncluster: { directory: demo }\nvxlan: { port: 4790 }\n');
    const config = loadConfig({
      file,
      flags: { 'vxlan-vni': '9', masquerade: 'false', uplinks: 'eth0,eth1', mode: 'vxlan' },
    });
    assert.deepEqual(config.vxlan, { port: 4790, vni: 9 });
    assert.equal(config.masquerade, false);
    assert.deepEqual(config.uplinks, ['eth0', 'eth1']);
    assert.equal(config.cluster.directory, join(folder, 'demo'), 'relative to the file');
    assert.throws(() => loadConfig({ file, flags: { 'vxlan-port': 'http' } }), {
      message: `${file}: vxlan.port: http is not a port (1-65535)`,
    });
    assert.throws(() => loadConfig({ file, flags: { colour: 'blue' } }), {
      message: 'command line: --colour: blue is not a known flag',
    });
    writeFileSync(file, 'node: [\n');
    assert.throws(() => loadConfig({ file }), { name: 'InputError' });
    assert.throws(() => loadConfig({ file: `${file}.gone` }), {
      name: 'InputError',
      message: `configuration: ${file}.gone does not exist`,
    });
    assert.throws(() => loadConfig({ file: folder }), {
      name: 'InputError',
      message: `configuration: ${folder} cannot be read (EISDIR)`,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an API server is configured by file or by flags, with paths relative to the file or the current directory', () => {
  assert.deepEqual(parseConfig({ node: 'n', cluster: { kubernetes: {} } }).cluster, {
    kubernetes: {
      apiServers: [],
      remotePodNames: true,
      startupTaint: 'node.heddle.dev/agent-not-ready',
    },
  });
  const flags = {
    node: 'n',
    'cluster-kubernetes-kubeconfig': 'admin.conf',
    'cluster-kubernetes-api-servers': 'https://192.0.2.1:6443,https://[2001:db8::1]:6443',
  };
  assert.deepEqual(loadConfig({ flags }).cluster, {
    kubernetes: {
      kubeconfig: join(process.cwd(), 'admin.conf'),
      apiServers: ['https://192.0.2.1:6443', 'https://[2001:db8::1]:6443'],
      remotePodNames: true,
      startupTaint: 'node.heddle.dev/agent-not-ready',
    },
  });
});

test('every key is a flag with a line of help', () => {
  const flags = configFlags();
  const help = agentCommand().configureHelp({ helpWidth: 1000 }).helpInformation();
  assert.equal(flags.length, 45);
  assert.deepEqual(flags.find((flag) => flag.key === 'vxlan.port')?.name, 'vxlan-port');
  for (const flag of flags) {
    assert.notEqual(flag.description, '', flag.key);
    assert.match(help, new RegExp(`--${flag.name} .*${flag.description.slice(0, 10)}`));
  }
});

// Compares deploy/ with the code; test/kube/manifests.test.ts compares chart and manifests.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { packageVersion } from '../../src/base/version.ts';
import { parseConfig } from '../../src/config/load.ts';
import { configKeys, configKeysFile, manifestsFile } from './render.ts';

const uninstallFile = 'deploy/kubernetes/uninstall.yaml';
const text = (file: string): string => readFileSync(file, 'utf8');

interface Probe {
  readonly exec?: { readonly command: readonly string[] };
  readonly httpGet?: object;
}

interface Container {
  readonly image: string;
  readonly args?: readonly string[];
  readonly ports?: readonly object[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly securityContext: {
    readonly readOnlyRootFilesystem?: boolean;
    readonly privileged?: boolean;
    readonly capabilities: { readonly add?: readonly string[]; readonly drop: readonly string[] };
  };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data: Readonly<Record<string, string>>;
  readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: string[] }[];
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly initContainers: readonly Container[];
        readonly containers: readonly Container[];
        readonly volumes: readonly { readonly hostPath?: { readonly path: string } }[];
      };
    };
  };
}

function objects(file: string): readonly Manifest[] {
  return parseAllDocuments(text(file)).map((document) => document.toJS() as Manifest);
}

function only(kind: string, file = manifestsFile): Manifest {
  const [found, ...others] = objects(file).filter((object) => object.kind === kind);
  assert.ok(found !== undefined && others.length === 0, `one ${kind}`);
  return found;
}

function containers(file: string): readonly Container[] {
  const { initContainers, containers: main } = only('DaemonSet', file).spec.template.spec;
  return [...initContainers, ...main];
}

test('the ConfigMap documents every configuration key', () => {
  assert.equal(text(configKeysFile), configKeys(), 'stale: run `npm run manifests`');
  const { data } = only('ConfigMap');
  for (const line of configKeys().trimEnd().split('\n'))
    assert.ok(data['config.yaml']?.includes(line), line);
});

test('the agent accepts the configuration in it', () => {
  const given = parse(only('ConfigMap').data['config.yaml'] ?? '') as object;
  const config = parseConfig({ ...given, node: 'node-1' });
  assert.deepEqual(config.cluster.kubernetes?.apiServers, []);
  assert.equal(config.cni.confDir, '/etc/cni/net.d');
});

test("the versions of the chart and the image are the package's", () => {
  const version = packageVersion();
  const chart = parse(text('deploy/helm/heddle/Chart.yaml')) as Record<string, unknown>;
  assert.equal(chart['version'], version);
  assert.equal(chart['appVersion'], version);
  for (const { image } of [...containers(manifestsFile), ...containers(uninstallFile)])
    assert.equal(image, `localhost/heddle:${version}`);
});

test('no container is privileged, and each drops all capabilities it does not name', () => {
  for (const { securityContext } of [...containers(manifestsFile), ...containers(uninstallFile)]) {
    assert.notEqual(securityContext.privileged, true);
    assert.deepEqual(securityContext.capabilities.drop, ['ALL']);
  }
});

test('uninstalling needs fewer capabilities than the agent, and only its own folders', () => {
  const added = (file: string): readonly string[] =>
    containers(file).flatMap(({ securityContext }) => securityContext.capabilities.add ?? []);
  assert.deepEqual(added(manifestsFile), ['BPF', 'NET_ADMIN', 'PERFMON', 'SYS_ADMIN']);
  assert.deepEqual(added(uninstallFile), ['BPF', 'NET_ADMIN']);
  const { volumes } = only('DaemonSet', uninstallFile).spec.template.spec;
  assert.deepEqual(
    volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
    [
      '/sys/fs/bpf',
      '/proc/sys/net',
      '/var/lib/heddle',
      '/run/heddle',
      '/opt/cni/bin',
      '/etc/cni/net.d',
    ],
  );
});

test('every container has a read-only root file system', () => {
  for (const file of [manifestsFile, uninstallFile]) {
    for (const { securityContext } of containers(file)) {
      assert.equal(securityContext.readOnlyRootFilesystem, true);
    }
  }
});

test('no port is open to the network, and no port can get the agent killed', () => {
  const config = parseConfig({
    ...(parse(only('ConfigMap').data['config.yaml'] ?? '') as object),
    node: 'node-1',
  });
  assert.deepEqual(config.health, { address: '127.0.0.1:9656' });
  assert.deepEqual(config.metrics, { address: 'none' });
  const [agent] = only('DaemonSet').spec.template.spec.containers;
  const command = ['/heddle/dist/shim/heddle-cni', 'alive'];
  assert.deepEqual(agent?.startupProbe?.exec?.command, command);
  assert.deepEqual(agent.livenessProbe?.exec?.command, command);
  const ready = { host: '127.0.0.1', path: '/readyz', port: 'health' };
  assert.deepEqual(agent.readinessProbe?.httpGet, ready);
  assert.deepEqual(agent.ports, [{ name: 'health', containerPort: 9656, protocol: 'TCP' }]);
});

test('the agent may read only what it watches and write only nodes and events', () => {
  const { rules } = only('ClusterRole');
  const writable = rules
    .filter(({ verbs }) => verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)))
    .flatMap(({ resources }) => resources);
  assert.deepEqual(writable, ['nodes', 'events']);
  const named = rules.flatMap(({ resources }) => resources);
  assert.ok(!named.some((name) => name === '*' || name.includes('/') || name === 'secrets'));
});

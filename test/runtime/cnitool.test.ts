// The reference client of the CNI project, built from its Go module (test/runtime/cnitool/go.mod pins the version), drives
// every verb through the real executable and a real agent, by the configuration that `heddle install-cni` writes.

import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { installCni } from '../../src/cni/install.ts';
import { type AgentPlace, agentPlace, podNamespace, startAgent } from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const source = fileURLToPath(new URL('../../../test/runtime/cnitool', import.meta.url));
const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));
// What libcni remembers of a network on this machine is kept by its name.
const network = `heddle-test-${process.pid}`;

/** Where Go puts itself when it comes from its own archive. */
const withGo = { ...process.env, PATH: `${process.env['PATH']}:/usr/local/go/bin` };

rootTest('cnitool drives every verb', async (context) => {
  const place = agentPlace(context, 'ipam: { cooldownMs: 60000 }\n');
  const tool = buildTool(context, place.folder);
  if (tool === undefined) return;
  const agent = await startAgent(context, place);
  const cnitool = installed(place, tool);
  const pod = podNamespace(context);
  succeeds(cnitool('status', pod.path));

  const added = JSON.parse(succeeds(cnitool('add', pod.path)).stdout);
  assert.equal(added.cniVersion, '1.1.0', 'the newest of cniVersions');
  assert.deepEqual(added.ips, [
    { interface: 1, address: '10.201.1.2/32', gateway: '169.254.1.1' },
    { interface: 1, address: 'fd00:201:1::2/128', gateway: 'fe80::1' },
  ]);
  runIn(place.namespace, 'busybox', 'ping', '-c1', '-W1', '10.201.1.2');
  succeeds(cnitool('check', pod.path));
  runIn(pod.namespace, 'ip', 'link', 'set', 'eth0', 'mtu', '1300');
  assert.match(cnitool('check', pod.path).stderr, /MTU 1300 in place of 1500/);
  assert.match(cnitool('add', pod.path).stderr, /interface eth0 exists/);
  for (let run = 0; run < 2; run++) succeeds(cnitool('del', pod.path));

  const capabilities = { ips: ['10.201.1.77'], mac: '02:00:5e:10:00:77' };
  const fixed = JSON.parse(succeeds(cnitool('add', pod.path, capabilities)).stdout);
  assert.equal(fixed.ips[0].address, '10.201.1.77/32');
  assert.equal(fixed.interfaces[1].mac, '02:00:5e:10:00:77');
  succeeds(cnitool('gc', pod.path));
  assert.equal(
    runIn(pod.namespace, 'ip', '-4', 'address', 'show', 'dev', 'lo').includes('77'),
    false,
  );
  assert.doesNotMatch(runIn(place.namespace, 'ip', 'route'), /10\.201\.1\.77/);

  await agent.end('SIGTERM');
  const unavailable = cnitool('status', pod.path);
  assert.equal(unavailable.status, 1);
  assert.match(unavailable.stderr, /STATUS: connect to the Heddle agent at/);
});

type Cnitool = (
  verb: string,
  namespacePath: string,
  capabilities?: Readonly<Record<string, unknown>>,
) => SpawnSyncReturns<string>;

function installed({ folder, namespace, socket }: AgentPlace, tool: string): Cnitool {
  const binDirectory = path.join(folder, 'bin');
  const configurationDirectory = path.join(folder, 'net.d');
  installCni({ binDirectory, configurationDirectory, shim, agentSocket: socket });
  const file = path.join(configurationDirectory, '05-heddle.conflist');
  const list: object = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...list, name: network }));
  return (verb, namespacePath, capabilities = {}) =>
    namespace.run(() =>
      spawnSync(tool, [verb, network, namespacePath], {
        encoding: 'utf8',
        env: {
          NETCONFPATH: configurationDirectory,
          CNI_PATH: binDirectory,
          CAP_ARGS: JSON.stringify(capabilities),
        },
      }),
    );
}

function succeeds(done: SpawnSyncReturns<string>): SpawnSyncReturns<string> {
  assert.equal(done.status, 0, `${done.stderr}${done.stdout}`);
  return done;
}

// Go is no requirement of heddle: where it is missing this is a skip like that of other root tests.
function buildTool(context: TestContext, folder: string): string | undefined {
  if (spawnSync('go', ['version'], { env: withGo }).status !== 0) {
    const reason = 'needs Go (1.21 or later) to build cnitool';
    assert.notEqual(process.env['CI'], 'true', `${reason}; a skipped test fails where CI=true`);
    context.skip(reason);
    return undefined;
  }
  const module = path.join(folder, 'cnitool');
  mkdirSync(module);
  for (const file of ['go.mod', 'go.sum']) {
    copyFileSync(path.join(source, file), path.join(module, file));
  }
  const tool = path.join(folder, 'cnitool-built');
  const built = spawnSync(
    'go',
    ['build', '-o', tool, 'github.com/containernetworking/cni/cnitool'],
    { cwd: module, env: withGo, encoding: 'utf8' },
  );
  assert.equal(built.status, 0, `go build: ${built.stderr}`);
  return tool;
}

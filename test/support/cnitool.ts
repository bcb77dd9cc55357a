// The reference client of the CNI project, built from its Go module (test/runtime/cnitool/go.mod pins the version), in
// a node of a test, with our plugin as `heddle install-cni` installs it and Debian's plugins next to it.

import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { installCni } from '../../src/cni/install.ts';
import type { AgentPlace } from './agent-process.ts';

const source = fileURLToPath(new URL('../../../test/runtime/cnitool', import.meta.url));
const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));
// libcni stores state of a network on this machine under its name.
let networks = 0;
// Debian's containernetworking-plugins.
const otherPlugins = '/usr/lib/cni';

/** The folder in which Go's own archive installs it. */
const withGo = { ...process.env, PATH: `${process.env['PATH']}:/usr/local/go/bin` };

export type Cnitool = (
  verb: string,
  namespacePath: string,
  capabilities?: Readonly<Record<string, unknown>>,
) => SpawnSyncReturns<string>;

export interface NetworkList {
  readonly cniVersion: string;
  readonly cniVersions?: readonly string[];
  readonly plugins: readonly Readonly<Record<string, unknown>>[];
}

/** Installs our plugin; returns the configuration written for runtimes. */
export function installedList({ folder, socket }: AgentPlace): NetworkList {
  const configurationDirectory = path.join(folder, 'net.d');
  const binDirectory = path.join(folder, 'bin');
  installCni({ binDirectory, configurationDirectory, shim, agentSocket: socket });
  const file = path.join(configurationDirectory, '05-heddle.conflist');
  return JSON.parse(readFileSync(file, 'utf8')) as NetworkList;
}

/** Runs `tool` for the network that `list` describes; after `installedList`. */
export function cnitoolOf(
  { folder, namespace }: AgentPlace,
  tool: string,
  list: NetworkList,
): Cnitool {
  networks++;
  const network = `heddle-test-${process.pid}-${networks}`;
  const configurations = path.join(folder, 'net.d');
  const file = path.join(configurations, '05-heddle.conflist');
  writeFileSync(file, JSON.stringify({ ...list, name: network }));
  return (verb, namespacePath, capabilities = {}) =>
    namespace.run(() =>
      spawnSync(tool, [verb, network, namespacePath], {
        encoding: 'utf8',
        env: {
          PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
          NETCONFPATH: configurations,
          CNI_PATH: `${path.join(folder, 'bin')}:${otherPlugins}`,
          CAP_ARGS: JSON.stringify(capabilities),
        },
      }),
    );
}

export function succeeds(done: SpawnSyncReturns<string>): SpawnSyncReturns<string> {
  assert.equal(done.status, 0, `${done.stderr}${done.stdout}`);
  return done;
}

/** heddle does not require Go: without it the test is skipped as other root tests are, and the result is undefined. */
export function buildCnitool(context: TestContext, folder: string): string | undefined {
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

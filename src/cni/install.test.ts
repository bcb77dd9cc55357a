import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type CniInstallOptions, installCni, removeCni } from './install.ts';

const root = mkdtempSync(path.join(tmpdir(), 'heddle-install-'));
after(() => rmSync(root, { recursive: true }));

interface Fresh extends CniInstallOptions {
  readonly binDirectory: string;
  readonly configurationDirectory: string;
  readonly executable: string;
  readonly configuration: string;
}

function freshPlaces(): Fresh {
  const directory = mkdtempSync(path.join(root, 'node-'));
  const shim = path.join(directory, 'heddle-cni');
  writeFileSync(shim, 'the executable');
  const binDirectory = path.join(directory, 'opt/cni/bin');
  const configurationDirectory = path.join(directory, 'etc/cni/net.d');
  return {
    shim,
    binDirectory,
    configurationDirectory,
    executable: path.join(binDirectory, 'heddle'),
    configuration: path.join(configurationDirectory, '05-heddle.conflist'),
  };
}

const capabilities = {
  bandwidth: true,
  ips: true,
  mac: true,
  'io.kubernetes.cri.pod-annotations': true,
  portMappings: true,
};

test('installs the executable and the configuration, and nothing else', () => {
  const places = freshPlaces();
  const { executable, configuration } = places;
  assert.deepEqual(installCni(places), {
    written: [executable, configuration],
    unchanged: [],
    before: [],
    unloadable: [],
  });
  assert.equal(readFileSync(executable, 'utf8'), 'the executable');
  assert.equal(statSync(executable).mode & 0o777, 0o755);
  assert.deepEqual(JSON.parse(readFileSync(configuration, 'utf8')), {
    cniVersion: '1.0.0',
    cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
    name: 'heddle',
    plugins: [{ type: 'heddle', capabilities }],
  });
  assert.deepEqual(readdirSync(places.binDirectory), ['heddle']);
  assert.deepEqual(readdirSync(places.configurationDirectory), ['05-heddle.conflist']);
});

test('writes nothing the second time', () => {
  const places = freshPlaces();
  installCni(places);
  const { executable, configuration } = places;
  assert.deepEqual(installCni(places).unchanged, [executable, configuration]);
  assert.deepEqual(installCni(places).written, []);
});

test('rewrites files that are old, edited or not executable', () => {
  const places = freshPlaces();
  const { executable, configuration } = places;
  installCni(places);
  writeFileSync(places.shim, 'a newer executable');
  assert.deepEqual(installCni(places).written, [executable]);
  writeFileSync(configuration, '{}');
  assert.deepEqual(installCni(places).written, [configuration]);
  chmodSync(executable, 0o644);
  assert.deepEqual(installCni(places).written, [executable]);
  assert.equal(readFileSync(executable, 'utf8'), 'a newer executable');
});

test("names the agent's socket if it is not the default", () => {
  const places = freshPlaces();
  installCni({ ...places, agentSocket: '/run/heddle-2/agent.sock' });
  const list: unknown = JSON.parse(readFileSync(places.configuration, 'utf8'));
  assert.deepEqual(list, {
    cniVersion: '1.0.0',
    cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
    name: 'heddle',
    plugins: [{ type: 'heddle', agentSocket: '/run/heddle-2/agent.sock', capabilities }],
  });
});

test('reports configurations of other plugins that come first', () => {
  const places = freshPlaces();
  mkdirSync(places.configurationDirectory, { recursive: true });
  for (const name of ['10-later.conflist', '00-first.conf', '01.md', '04-b.json']) {
    writeFileSync(path.join(places.configurationDirectory, name), '{"type": "bridge"}');
  }
  writeFileSync(path.join(places.configurationDirectory, '03-empty.conf'), '{}');
  const { before, unloadable } = installCni(places);
  assert.deepEqual(
    [before, unloadable].map((files) => files.map((file) => path.basename(file))),
    [['00-first.conf', '04-b.json'], ['03-empty.conf']],
  );
});

test('leaves no temporary file if it cannot write', () => {
  const places = freshPlaces();
  mkdirSync(places.executable, { recursive: true });
  assert.throws(() => installCni(places), /EISDIR|ENOTEMPTY|EEXIST/);
  assert.deepEqual(readdirSync(places.binDirectory), ['heddle']);
});

test('removes what it installed, and nothing the second time', () => {
  const places = freshPlaces();
  assert.deepEqual(removeCni(places, assert.fail), []);
  installCni(places);
  assert.deepEqual(removeCni(places, assert.fail), [places.configuration, places.executable]);
  assert.deepEqual(removeCni(places, assert.fail), []);
});

// Names that a killed `install-cni` or agent leaves, and what is not its own.
const abandoned = ['.heddle.7.tmp', '.05-heddle.conflist.8.tmp'];
const foreign = ['.heddle.7.tmp.bak', '.heddle.x.tmp', '.heddle-other.7.tmp', '.heddle..tmp'];

function withTemporaries(): Fresh {
  const places = freshPlaces();
  installCni(places);
  const folders = [places.binDirectory, places.configurationDirectory];
  for (const folder of folders) mkdirSync(path.join(folder, '.heddle.9.tmp'));
  for (const folder of folders) {
    for (const name of foreign) writeFileSync(path.join(folder, name), '');
  }
  for (const [index, name] of abandoned.entries()) {
    writeFileSync(path.join(folders[index] ?? '', name), '');
  }
  return places;
}

test('removes half-written files of its own names, and no others', () => {
  const places = withTemporaries();
  const { executable, configuration, binDirectory, configurationDirectory } = places;
  assert.deepEqual(removeCni(places, assert.fail), [
    configuration,
    path.join(configurationDirectory, '.05-heddle.conflist.8.tmp'),
    executable,
    path.join(binDirectory, '.heddle.7.tmp'),
  ]);
  const left = [...foreign, '.heddle.9.tmp'].sort();
  for (const folder of [binDirectory, configurationDirectory]) {
    assert.deepEqual(readdirSync(folder).sort(), left);
  }
});

test('an installation removes half-written files after a minute', () => {
  const places = withTemporaries();
  const { binDirectory, configurationDirectory } = places;
  const files = [binDirectory, configurationDirectory].map((folder, index) =>
    path.join(folder, abandoned[index] ?? ''),
  );
  const present = (): readonly boolean[] => files.map((file) => existsSync(file));
  installCni(places);
  assert.deepEqual(present(), [true, true]);
  const past = Date.now() / 1_000 - 61;
  for (const file of files) utimesSync(file, past, past);
  installCni(places);
  assert.deepEqual(present(), [false, false]);
  assert.deepEqual(
    readdirSync(binDirectory).sort(),
    [...foreign, '.heddle.9.tmp', 'heddle'].sort(),
  );
});

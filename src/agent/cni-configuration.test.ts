import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../test/support/silent-logger.ts';
import { networkConfiguration } from '../cni/install.ts';
import { CniConfiguration } from './cni-configuration.ts';

interface Setting {
  readonly confDir: string;
  readonly file: string;
  refusal: string | undefined;
  readonly configuration: CniConfiguration;
}

function inFolder(body: (setting: Setting) => void): void {
  const confDir = mkdtempSync(join(tmpdir(), 'heddle-cni-configuration-'));
  const log = silentLogger;
  const setting: Setting = {
    confDir,
    file: join(confDir, '05-heddle.conflist'),
    refusal: undefined,
    configuration: new CniConfiguration({
      confDir,
      socket: '/run/other.sock',
      log,
      refusal: () => setting.refusal,
    }),
  };
  try {
    body(setting);
  } finally {
    rmSync(confDir, { recursive: true });
  }
}

test('the conflist is written once pods can be added, and the node is not ready before', () => {
  inFolder((setting) => {
    const { configuration, file } = setting;
    assert.equal(configuration.waitsFor, 'the CNI configuration is not written');
    setting.refusal = 'node node-1 has no pod range';
    configuration.keep();
    assert.equal(configuration.waitsFor, 'node node-1 has no pod range');
    assert.equal(existsSync(file), false);
    setting.refusal = undefined;
    configuration.keep();
    assert.equal(configuration.waitsFor, undefined);
    assert.equal(readFileSync(file, 'utf8'), networkConfiguration('/run/other.sock'));
  });
});

test('an agent that finds its conflist is not delayed by a full node', () => {
  inFolder((setting) => {
    const { configuration, file } = setting;
    writeFileSync(file, networkConfiguration());
    setting.refusal = 'every address is taken';
    configuration.keep();
    assert.equal(configuration.waitsFor, undefined);
    assert.equal(readFileSync(file, 'utf8'), networkConfiguration('/run/other.sock'));
  });
});

test('the conflist stays while no pod can be added for a time', () => {
  inFolder((setting) => {
    const { configuration, file } = setting;
    configuration.keep();
    setting.refusal = 'every address is taken';
    configuration.keep();
    assert.equal(configuration.waitsFor, undefined);
    assert.equal(existsSync(file), true);
  });
});

test('a conflist that another process removed or changed is written again', () => {
  inFolder(({ configuration, file }) => {
    configuration.keep();
    const content = readFileSync(file, 'utf8');
    rmSync(file);
    configuration.keep();
    assert.equal(readFileSync(file, 'utf8'), content);
    writeFileSync(file, '{}');
    configuration.keep();
    assert.equal(readFileSync(file, 'utf8'), content);
  });
});

test('another conflist that sorts first is reported and left alone', () => {
  inFolder(({ configuration, confDir }) => {
    const other = join(confDir, '00-other.conflist');
    const theirs = '{"cniVersion":"1.0.0","name":"theirs","plugins":[{"type":"bridge"}]}';
    writeFileSync(other, theirs);
    configuration.keep();
    assert.deepEqual(configuration.problems, [
      `CNI configuration ${other}: sorts before 05-heddle.conflist and names another plugin, so the container runtime uses it and new pods do not reach heddle; remove it`,
    ]);
    assert.equal(readFileSync(other, 'utf8'), theirs);
    for (const harmless of ['no JSON', '{"type": "multus", "delegates": [{"type": "heddle"}]}']) {
      rmSync(other, { force: true });
      writeFileSync(join(confDir, '00-other.conf'), harmless);
      configuration.keep();
      assert.deepEqual(configuration.problems, [], harmless);
    }
  });
});

test('without a folder no conflist is written and nothing waits for it', () => {
  const log = silentLogger;
  const configuration = new CniConfiguration({
    confDir: undefined,
    socket: '/run/heddle/agent.sock',
    log,
    refusal: () => 'no pod range',
  });
  configuration.keep();
  assert.equal(configuration.waitsFor, undefined);
});

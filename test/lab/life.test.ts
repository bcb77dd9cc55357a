// `heddle lab` as a user runs it: up, status, try, down; two labs at once; and a killed supervisor. In every case `lab
// down` leaves nothing behind, and the host's own network is never changed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { heddleCommand, labPaths } from '../../src/lab/paths.ts';
import { isAlive, type LabRecord, readLabRecord } from '../../src/lab/record.ts';
import {
  echoPod,
  eventuallyDefined,
  newLabName,
  removeDeadLabs,
  writeManifest,
} from '../support/lab.ts';
import { bpfIds, hostNetwork, livingBpf, traces } from '../support/leftovers.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';

const names = [newLabName(), newLabName()] as const;
const [first, second] = names;
let source = '';
let network: object = {};

describe('a lab from the command line', () => {
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    await removeDeadLabs();
    network = hostNetwork();
    source = mkdtempSync(join(tmpdir(), 'heddle-life-'));
    writeManifest(join(source, 'pods.yaml'), [echoPod('a'), echoPod('b')]);
  });
  after(async () => {
    for (const name of names)
      if (existsSync(labPaths(name).directory)) await heddle('lab', 'down', '--name', name);
    rmSync(source, { recursive: true, force: true });
  });

  rootTest('`lab up` reports what it started and leaves it running', async () => {
    const { code, stdout, stderr } = await heddle('lab', 'up', source, '--name', first);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /ok {2}node-1 {2}agent ready in .* pods +10\.201\.1\.0\/24/);
    assert.match(stdout, /ok {2}2 pods in /);
    assert.match(
      stdout,
      new RegExp(`lab ${first} is up: 2 nodes, 2 pods, native routing, IPv4 \\+ IPv6`),
    );
  });

  rootTest('a second lab runs next to it, with the same addresses and another mode', async () => {
    const { code, stderr } = await heddle(
      'lab',
      'up',
      source,
      '--name',
      second,
      '--mode',
      'vxlan',
      '--nodes',
      '1',
    );
    assert.equal(code, 0, stderr);
    for (const name of names) {
      const { pods } = await status(name);
      const [from, to] = pods;
      assert(from !== undefined && to !== undefined);
      const url = `http://${to.addresses[0]}:8080/`;
      const answer = await heddle(
        'lab',
        'exec',
        '--name',
        name,
        `shop/${from.name}`,
        '--',
        'curl',
        '-s',
        url,
      );
      assert.match(
        answer.stdout,
        new RegExp(
          `^shop/${to.name} on ${to.node} at ${to.addresses[0]} saw ${from.addresses[0]}\n$`,
        ),
      );
    }
  });

  rootTest('a lab whose name is in use is refused with a remedy', async () => {
    const { code, stderr } = await heddle('lab', 'up', source, '--name', first);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(
        `lab ${first} did not start: .*in use by process .*heddle lab down --name ${first}`,
      ),
    );
    assert.equal((await status(first)).pods.length, 2, 'it still runs');
  });

  rootTest('commands return their own exit code; unknown pods and nodes are named', async () => {
    assert.equal(
      (await heddle('lab', 'exec', '--name', first, 'a', '--', 'sh', '-c', 'exit 7')).code,
      7,
    );
    assert.equal((await heddle('lab', 'node', '--name', first, 'world', '--', 'true')).code, 0);
    const { code, stderr } = await heddle('lab', 'exec', '--name', first, 'nobody', '--', 'true');
    assert.equal(code, 1);
    assert.match(stderr, /nobody is not a pod of lab .* \(shop\/a, shop\/b\)/);
    const many = await heddle('lab', 'exec', 'a', '--', 'true');
    assert.match(many.stderr, /--name: is required to choose a lab/);
  });

  rootTest('inside a node `heddle status` queries that node', async () => {
    const command = ['--', ...heddleCommand(), 'status', '-o', 'json'];
    const { stdout } = await heddle('lab', 'node', '--name', first, 'node-2', ...command);
    assert.match(stdout, /"node": ?"node-2"/);
  });

  rootTest('`lab down` leaves nothing of the lab and removes nothing else', async () => {
    const held = bpfIds(labPaths(second).pins);
    assert.ok(held.programs.length >= 4 && held.maps.length >= 6, JSON.stringify(held));
    const { code, stdout, stderr } = await heddle('lab', 'down', '--name', second);
    assert.deepEqual([code, stdout], [0, `lab ${second} is down\n`], stderr);
    assert.deepEqual(traces(second), []);
    await eventuallyDefined('its BPF programs and maps are freed', () =>
      livingBpf(held).length === 0 ? true : undefined,
    );
    assert.equal((await status(first)).pods.filter(({ state }) => state === 'running').length, 2);
  });

  rootTest(
    'a killed supervisor is shown as crashed, and `lab down` still removes everything',
    async () => {
      const record = readLabRecord(first);
      assert(record !== undefined);
      const held = bpfIds(labPaths(first).pins);
      process.kill(record.supervisor.pid, 'SIGKILL');
      await eventuallyDefined('it is dead', () => (isAlive(record.supervisor) ? undefined : true));
      const shown = await heddle('lab', 'status', '--name', first);
      assert.equal(shown.code, 1);
      assert.match(shown.stdout, new RegExp(`CRASHED .*heddle lab down --name ${first}`));
      assert.equal((await heddle('lab', 'down', '--name', first)).code, 0);
      assert.deepEqual(traces(first), []);
      await eventuallyDefined('its BPF programs and maps are freed', () =>
        livingBpf(held).length === 0 ? true : undefined,
      );
    },
  );

  rootTest('a failed start reports why and leaves nothing', async () => {
    const empty = join(source, 'nothing-here');
    const missing = await heddle('lab', 'up', empty, '--name', first);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /nothing-here is not a file or folder/);
    const wrong = await heddle('lab', 'up', source, '--name', first, '--set', 'mtuBytes=7');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /mtuBytes: 7 is neither/);
    assert.deepEqual(traces(first), []);
  });

  rootTest("the host's links, addresses, routes and rules are unchanged", () => {
    assert.deepEqual(hostNetwork(), network);
  });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function heddle(...words: readonly string[]): Promise<Ended> {
  const [program = '', ...rest] = [...heddleCommand(), ...words];
  return new Promise((resolve) => {
    execFile(program, rest, { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

async function status(name: string): Promise<LabRecord> {
  const { stdout } = await heddle('lab', 'status', '--name', name, '-o', 'json');
  const [record] = JSON.parse(stdout) as LabRecord[];
  assert(record !== undefined);
  return record;
}

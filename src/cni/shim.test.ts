// Drives the built shim (shim/cni.c) as a container runtime does, with a fake agent.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import {
  type ShimAgent as Agent,
  addTo as add,
  answerFrame,
  configuration,
  execute,
  freshSocket,
  listen,
  variables,
} from '../../test/support/shim-agent.ts';
import { splitCall } from './call.ts';

/** An agent with the same answer to every request. */
async function startAgent(outcome: number, reply = ''): Promise<Agent> {
  const bodies: Uint8Array[] = [];
  const server = net.createServer((client) => {
    let received = Buffer.alloc(0);
    client.on('error', () => undefined);
    client.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readUInt32BE()) return;
      assert.equal(received.length, 4 + received.readUInt32BE(), 'nothing behind the request');
      bodies.push(received.subarray(4));
      client.end(answerFrame(outcome, reply));
    });
  });
  return listen(server, bodies);
}

test('sends environment and configuration and gives back the reply', async () => {
  await using agent = await startAgent(0, '{"ok":1}\n');
  const environment = { ...add(agent.socket), CNI_ARGS: 'A=b;C=', CNI_NETNS: '', PATH: '/bin' };
  const execution = await execute(environment, configuration);
  assert.deepEqual([execution.exitCode, execution.stdout], [0, '{"ok":1}\n']);
  const call = splitCall(agent.bodies[0] ?? new Uint8Array());
  assert.deepEqual(Object.fromEntries(call.environment), {
    CNI_COMMAND: 'ADD',
    CNI_ARGS: 'A=b;C=',
    CNI_NETNS: '',
  });
  assert.equal(call.configuration, configuration);
});

test('exits with 1 where the agent says so', async () => {
  await using agent = await startAgent(1, '{"code":7}');
  const execution = await execute(add(agent.socket), configuration);
  assert.deepEqual([execution.exitCode, execution.stdout], [1, '{"code":7}']);
});

test('takes an empty reply to DEL as success', async () => {
  await using agent = await startAgent(0);
  const execution = await execute({ ...add(agent.socket), CNI_COMMAND: 'DEL' }, configuration);
  assert.deepEqual([execution.exitCode, execution.stdout], [0, '']);
});

test('handles a configuration of nearly 8 MiB and a reply of 3 MiB', async () => {
  const large = JSON.stringify({ cniVersion: '1.0.0', padding: 'x'.repeat(8_300_000) });
  const reply = 'y'.repeat(3 << 20);
  await using agent = await startAgent(0, reply);
  const execution = await execute(add(agent.socket), large);
  assert.equal(execution.stdout.length, reply.length);
  assert.equal(agent.bodies[0]?.length, large.length + 'CNI_COMMAND=ADD\0\0'.length);
});

// The maximum of annotations that Kubernetes allows, as Go writes it.
const annotations = { 'io.kubernetes.cri.pod-annotations': { note: '\\u003c'.repeat(200 * 1024) } };

test('carries 200 KiB of annotations that Go escapes', async () => {
  await using agent = await startAgent(0, '{}');
  const text = JSON.stringify({ cniVersion: '1.0.0', runtimeConfig: annotations });
  const escaped = text.replaceAll('\\\\u003c', '\\u003c');
  assert.ok(escaped.length > 1_200_000);
  for (const CNI_COMMAND of ['ADD', 'CHECK', 'DEL']) {
    const { exitCode } = await execute({ ...add(agent.socket), CNI_COMMAND }, escaped);
    assert.equal(exitCode, 0, CNI_COMMAND);
  }
  assert.deepEqual(
    agent.bodies.map((body) => splitCall(body).configuration),
    [escaped, escaped, escaped],
  );
});

const needed = {
  CNI_COMMAND: 'DEL',
  CNI_CONTAINERID: 'c0ffee',
  CNI_NETNS: '/run/netns/c0ffee',
  CNI_IFNAME: 'eth0',
};

const delCalls: readonly [string, string, string][] = [
  ['too long', JSON.stringify({ cniVersion: '0.4.0', z: 'x'.repeat(9 << 20) }), '0.4.0'],
  ['far too long', JSON.stringify({ cniVersion: '1.0.0', z: 'x'.repeat(30 << 20) }), '1.0.0'],
  ['too long and without a version', 'x'.repeat((8 << 20) + 1), '1.1.0'],
];

for (const [what, text, version] of delCalls) {
  test(`sends DEL with what it needs although the configuration is ${what}`, async () => {
    await using agent = await startAgent(0);
    const { socket } = agent;
    const named = text.replace('{', `{"agentSocket":"${socket}",`);
    const given = text.startsWith('{') ? {} : { HEDDLE_SOCKET: socket };
    const { exitCode, stdout } = await execute({ ...needed, ...variables(), ...given }, named);
    assert.equal(exitCode, 0, stdout);
    const call = splitCall(agent.bodies[0] ?? new Uint8Array());
    assert.deepEqual(Object.fromEntries(call.environment), needed);
    assert.equal(call.configuration, `{"cniVersion":"${version}"}`);
  });
}

test('sends DEL to the default socket if the configuration has no usable one', async () => {
  const { stdout } = await execute({ CNI_COMMAND: 'DEL' }, '{"agentSocket":7}');
  assert.match(stdout, /connect to the Heddle agent at \/run\/heddle\/agent.sock.cni: /);
});

test('finds the socket in the configuration, and not in a nested or quoted look-alike', async () => {
  await using agent = await startAgent(0, '{}');
  const escaped = agent.socket.replaceAll('/', '\\/');
  const text = `{ "note": "\\"agentSocket\\":\\"/nowhere\\"", "x": [{"agentSocket": "/nowhere"}],
    "y": "agentSocket", "agentSocket" : "${escaped}", "cniVersion": "0.4.0" }`;
  const execution = await execute({ CNI_COMMAND: 'ADD' }, text);
  assert.deepEqual([execution.exitCode, execution.stdout], [0, '{}']);
});

test('answers VERSION without an agent, and with nothing on standard input', async () => {
  const environment = { CNI_COMMAND: 'VERSION', HEDDLE_SOCKET: freshSocket() };
  const supportedVersions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'];
  const asked = await execute(environment, '{"cniVersion":"0.4.0"}');
  assert.deepEqual(JSON.parse(asked.stdout), { cniVersion: '0.4.0', supportedVersions });
  const bare = await execute(environment, '');
  assert.deepEqual(JSON.parse(bare.stdout), { cniVersion: '1.1.0', supportedVersions });
  assert.deepEqual([asked.exitCode, bare.exitCode], [0, 0]);
});

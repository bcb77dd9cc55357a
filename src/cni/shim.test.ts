// Drives the built shim (shim/cni.c) as a container runtime does, against an agent that is played here.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { executeShim, type ShimExecution } from '../../test/support/execute-shim.ts';
import { splitCall } from './call.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'heddle-shim-'));
after(() => rmSync(directory, { recursive: true }));

const configuration = JSON.stringify({ cniVersion: '1.0.0', name: 'heddle', type: 'heddle' });

interface Execution extends ShimExecution {
  readonly tookMs: number;
}

async function execute(environment: Record<string, string>, input: string): Promise<Execution> {
  const startedAt = performance.now();
  const execution = await executeShim(environment, input);
  return { ...execution, tookMs: performance.now() - startedAt };
}

const add = (socket: string) => ({ CNI_COMMAND: 'ADD', HEDDLE_SOCKET: socket });

let sockets = 0;
function freshSocket(): string {
  sockets += 1;
  return path.join(directory, `${sockets}.sock`);
}

interface Agent extends AsyncDisposable {
  readonly socket: string;
  readonly bodies: readonly Uint8Array[];
}

/** An agent that speaks HTTP and answers every request alike. */
async function startAgent(
  reply: string,
  headers: Record<string, string>,
  status = 200,
): Promise<Agent> {
  const bodies: Uint8Array[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    bodies.push(Buffer.concat(chunks));
    assert.equal(`${request.method} ${request.url}`, 'POST /v1/cni');
    response.writeHead(status, headers).end(reply);
  });
  return listen(server, bodies);
}

/** An agent that sends these bytes, whatever it is asked, and (unless it hangs) closes. */
async function startBroken(bytes: string, hangs = false): Promise<Agent> {
  const server = net.createServer((client) => {
    client.on('error', () => undefined).resume();
    if (hangs) client.write(bytes);
    else client.end(bytes);
  });
  return listen(server, []);
}

async function listen(server: net.Server, bodies: readonly Uint8Array[]): Promise<Agent> {
  const clients = new Set<net.Socket>();
  server.on('connection', (client: net.Socket) => clients.add(client));
  const socket = freshSocket();
  server.listen(socket);
  await once(server, 'listening');
  return {
    socket,
    bodies,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function assertError(execution: Execution, code: number, text: RegExp): void {
  assert.equal(execution.exitCode, 1, execution.stdout);
  const parsed: unknown = JSON.parse(execution.stdout);
  assert.ok(typeof parsed === 'object' && parsed !== null && 'code' in parsed && 'msg' in parsed);
  assert.equal(parsed.code, code, execution.stdout);
  assert.match(String(parsed.msg), text);
  assert.ok('cniVersion' in parsed && 'details' in parsed);
}

test('sends environment and configuration and gives back the reply', async () => {
  await using agent = await startAgent('{"ok":1}\n', { 'Heddle-Exit': '0', 'Content-Length': '9' });
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
  await using agent = await startAgent('{"code":7}', {
    'Heddle-Exit': '1',
    'Content-Length': '10',
  });
  const execution = await execute(add(agent.socket), configuration);
  assert.deepEqual([execution.exitCode, execution.stdout], [1, '{"code":7}']);
});

test('takes an empty reply to DEL as success', async () => {
  await using agent = await startAgent('', { 'Heddle-Exit': '0', 'Content-Length': '0' });
  const execution = await execute({ ...add(agent.socket), CNI_COMMAND: 'DEL' }, configuration);
  assert.deepEqual([execution.exitCode, execution.stdout], [0, '']);
});

test('carries a configuration of nearly 8 MiB and a reply of 3 MiB', async () => {
  const large = JSON.stringify({ cniVersion: '1.0.0', padding: 'x'.repeat(8_300_000) });
  const reply = 'y'.repeat(3 << 20);
  await using agent = await startAgent(reply, {
    'Heddle-Exit': '0',
    'Content-Length': `${reply.length}`,
  });
  const execution = await execute(add(agent.socket), large);
  assert.equal(execution.stdout.length, reply.length);
  assert.equal(agent.bodies[0]?.length, large.length + 'CNI_COMMAND=ADD\0\0'.length);
});

// What Kubernetes allows of annotations, as Go writes it.
const annotations = { 'io.kubernetes.cri.pod-annotations': { note: '\\u003c'.repeat(200 * 1024) } };

test('carries 200 KiB of annotations that Go escapes', async () => {
  await using agent = await startAgent('{}', { 'Heddle-Exit': '0', 'Content-Length': '2' });
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
    await using agent = await startAgent('', { 'Heddle-Exit': '0', 'Content-Length': '0' });
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

test('sends DEL to the default socket where the configuration names none that can be used', async () => {
  const { stdout } = await execute({ CNI_COMMAND: 'DEL' }, '{"agentSocket":7}');
  assert.match(stdout, /connect to the Heddle agent at \/run\/heddle\/agent.sock/);
});

test('finds the socket in the configuration, and not in a nested or quoted look-alike', async () => {
  await using agent = await startAgent('{}', { 'Heddle-Exit': '0', 'Content-Length': '2' });
  const escaped = agent.socket.replaceAll('/', '\\/');
  const text = `{ "note": "\\"agentSocket\\":\\"/nowhere\\"", "x": [{"agentSocket": "/nowhere"}],
    "y": "agentSocket", "agentSocket" : "${escaped}", "cniVersion": "0.4.0" }`;
  const execution = await execute({ CNI_COMMAND: 'ADD' }, text);
  assert.deepEqual([execution.exitCode, execution.stdout], [0, '{}']);
});

test('refuses at once, naming the socket, when no agent is there', async () => {
  const socket = freshSocket();
  const executions = [];
  for (let run = 0; run < 5; run++) executions.push(await execute(add(socket), configuration));
  for (const execution of executions) {
    assertError(
      execution,
      11,
      new RegExp(`^ADD: connect to the Heddle agent at ${socket}: No such`),
    );
    assert.match(execution.stdout, /"cniVersion":"1.0.0"/);
    assert.match(execution.stderr, /heddle status/);
  }
  const fastestMs = Math.min(...executions.map(({ tookMs }) => tookMs));
  assert.ok(fastestMs < 100, `took ${fastestMs} ms`);
});

test('refuses when the socket is one that a dead agent left', async () => {
  const socket = freshSocket();
  const leaver = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 9))`,
  ]);
  await once(leaver, 'exit');
  assertError(await execute(add(socket), configuration), 11, /Connection refused/);
  const status = { ...add(socket), CNI_COMMAND: 'STATUS' };
  assertError(await execute(status, configuration), 50, /^STATUS: connect to .*refused/);
});

const head = 'HTTP/1.1 200 OK\r\nHeddle-Exit: 0\r\n';
const replies: readonly [string, string, RegExp][] = [
  ['nothing', '', /closed the connection before its answer was complete/],
  ['half a head', 'HTTP/1.1 200 O', /before its answer was complete/],
  [
    'a body cut short',
    `${head}Content-Length: 100\r\n\r\n{"cniV`,
    /before its answer was complete/,
  ],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', /not one of an agent/],
  [
    'a chunked body',
    `${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    /not one of an/,
  ],
  ['an absurd length', `${head}Content-Length: 99999999999\r\n\r\n`, /not one of an agent/],
  ['a negative length', `${head}Content-Length: -1\r\n\r\n`, /not one of an agent/],
  ['a NUL in the head', 'HTTP/1.1 200\0 OK\r\n\r\n', /before its answer was complete/],
  ['an ADD without a result', `${head}Content-Length: 0\r\n\r\n`, /an answer without a result/],
  [
    'no exit header',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
    /an answer without a result/,
  ],
  [
    'an exit code of x',
    'HTTP/1.1 200 OK\r\nHeddle-Exit: x\r\nContent-Length: 2\r\n\r\n{}',
    /without a result/,
  ],
  [
    'a refusal',
    'HTTP/1.1 503 Busy\r\nContent-Length: 13\r\n\r\nnot "ready"\r\n',
    /refused the request: HTTP 503 not "ready"$/,
  ],
  ['endless garbage', 'x'.repeat(5 << 20), /an answer of more than 4 MiB/],
];

for (const [name, bytes, text] of replies) {
  test(`answers with an error when the agent sends ${name}`, async () => {
    await using agent = await startBroken(bytes);
    assertError(await execute(add(agent.socket), configuration), 11, text);
  });
}

test('gives up on an agent that hangs', async () => {
  await using agent = await startBroken(`${head}Content-Length: 9\r\n\r\n{`, true);
  const environment = { ...add(agent.socket), HEDDLE_TIMEOUT_MS: '150' };
  const execution = await execute(environment, configuration);
  assertError(execution, 11, /did not answer in time/);
  assert.ok(execution.tookMs >= 140, `took ${execution.tookMs} ms`);
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

const absent = '/run/heddle-absent.sock';
const badCalls: readonly [string, Record<string, string>, string, number, RegExp][] = [
  ['no CNI_COMMAND', {}, configuration, 4, /CNI_COMMAND: is not set/],
  ['too long a configuration', add(absent), 'x'.repeat((8 << 20) + 1), 6, /longer than 8 MiB/],
  ['too long a socket path', add(`/${'s'.repeat(108)}`), '{}', 4, /HEDDLE_SOCKET: .* is too long/],
  [
    'a socket that is no text',
    { CNI_COMMAND: 'ADD' },
    '{"agentSocket":7}',
    7,
    /agentSocket is not/,
  ],
  ['a socket cut off', { CNI_COMMAND: 'ADD' }, '{"agentSocket":"/a', 7, /agentSocket is not/],
  ['a socket with \\u', { CNI_COMMAND: 'ADD' }, '{"agentSocket":"\\u0041"}', 7, /agentSocket is/],
  ['an endless environment', { ...add(absent), ...variables() }, '{}', 4, /longer than 1 MiB/],
  ['a configuration that ends in \\', add(absent), '{"a\\', 11, /connect to the Heddle agent/],
  ['quotes in its socket', add('/run/"a"\n'), '{}', 11, /agent at \/run\/"a"\n: No such/],
];

function variables(): Record<string, string> {
  const names = Array.from({ length: 11 }, (_, index) => `CNI_${index}`);
  return Object.fromEntries(names.map((name) => [name, 'x'.repeat(100_000)]));
}

for (const [name, environment, input, code, text] of badCalls) {
  test(`answers ${name} with code ${code}`, async () => {
    assertError(await execute(environment, input), code, text);
  });
}

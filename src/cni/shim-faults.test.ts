import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import {
  type ShimAgent as Agent,
  addTo as add,
  answerFrame,
  configuration,
  type Execution,
  execute,
  freshSocket,
  listen,
  variables,
} from '../../test/support/shim-agent.ts';
import { cniSocketOf } from '../api/socket.ts';

/** An agent that sends these bytes for any request, and closes unless it hangs. */
async function startBroken(bytes: string | Uint8Array, hangs = false): Promise<Agent> {
  const server = net.createServer((client) => {
    client.on('error', () => undefined).resume();
    if (hangs) client.write(bytes);
    else client.end(bytes);
  });
  return listen(server, []);
}

function assertError(execution: Execution, code: number, text: RegExp): void {
  assert.equal(execution.exitCode, 1, execution.stdout);
  const parsed: unknown = JSON.parse(execution.stdout);
  assert.ok(typeof parsed === 'object' && parsed !== null && 'code' in parsed && 'msg' in parsed);
  assert.equal(parsed.code, code, execution.stdout);
  assert.match(String(parsed.msg), text);
  assert.ok('cniVersion' in parsed && 'details' in parsed);
}

test("refuses immediately with the socket's name if there is no agent", async () => {
  const socket = freshSocket();
  const executions = [];
  for (let run = 0; run < 5; run++) executions.push(await execute(add(socket), configuration));
  for (const execution of executions) {
    assertError(
      execution,
      11,
      new RegExp(`^ADD: connect to the Heddle agent at ${socket}.cni: No such`),
    );
    assert.match(execution.stdout, /"cniVersion":"1.0.0"/);
    assert.match(execution.stderr, /heddle status/);
  }
  const fastestMs = Math.min(...executions.map(({ tookMs }) => tookMs));
  assert.ok(fastestMs < 100, `took ${fastestMs} ms`);
});

test('refuses if the socket was left by a dead agent', async () => {
  const socket = freshSocket();
  const leaver = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(cniSocketOf(socket))}, () => process.kill(process.pid, 9))`,
  ]);
  await once(leaver, 'exit');
  assertError(await execute(add(socket), configuration), 11, /Connection refused/);
  const status = { ...add(socket), CNI_COMMAND: 'STATUS' };
  assertError(await execute(status, configuration), 50, /^STATUS: connect to .*refused/);
});

const replies: readonly [string, string | Uint8Array, RegExp][] = [
  ['nothing', '', /closed the connection before its answer was complete/],
  ['half a length', '\0\0', /before its answer was complete/],
  ['a length alone', '\0\0\0\x05', /before its answer was complete/],
  ['a body cut short', answerFrame(0, '{"cniV').subarray(0, -1), /before its answer was complete/],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', /not an agent's/],
  ['HTTP', 'HTTP/1.1 200 OK\r\nHeddle-Exit: 0\r\n\r\n', /not an agent's/],
  ['no body', '\0\0\0\0', /not an agent's/],
  ['an absurd length', '\xff\xff\xff\xff{}', /not an agent's/],
  ['one byte more than it may', Uint8Array.of(0, 0x40, 0, 1, 0), /not an agent's/],
  ['an outcome of 3', answerFrame(3, '{}'), /not an agent's/],
  ['an outcome of 255', answerFrame(255, '{}'), /not an agent's/],
  ['an ADD without a result', answerFrame(0), /an answer without a result/],
  ['a failure without a result', answerFrame(1), /an answer without a result/],
  ['a refusal', answerFrame(2, 'not "ready"'), /refused the request: not "ready"$/],
  ['endless garbage', 'x'.repeat(5 << 20), /not an agent's/],
];

for (const [name, bytes, text] of replies) {
  test(`answers with an error when the agent sends ${name}`, async () => {
    await using agent = await startBroken(bytes);
    assertError(await execute(add(agent.socket), configuration), 11, text);
  });
}

test('gives up on an agent that hangs', async () => {
  await using agent = await startBroken('\0\0\0\x09\0{', true);
  const environment = { ...add(agent.socket), HEDDLE_TIMEOUT_MS: '150' };
  const execution = await execute(environment, configuration);
  assertError(execution, 11, /did not answer in time/);
  assert.ok(execution.tookMs >= 140, `took ${execution.tookMs} ms`);
});

const absent = '/run/heddle-absent.sock';

const badCalls: readonly [string, Record<string, string>, string, number, RegExp][] = [
  ['no CNI_COMMAND', {}, configuration, 4, /CNI_COMMAND: is not set/],
  ['too long a configuration', add(absent), 'x'.repeat((8 << 20) + 1), 6, /longer than 8 MiB/],
  ['too long a socket path', add(`/${'s'.repeat(103)}`), '{}', 4, /HEDDLE_SOCKET: .* is too long/],
  ['the longest socket path', add(`/${'s'.repeat(102)}`), '{}', 11, /agent at \/s+\.cni: No such/],
  [
    'too long a configured socket',
    { CNI_COMMAND: 'ADD' },
    `{"agentSocket":"/${'s'.repeat(103)}"}`,
    7,
    /agentSocket is not/,
  ],
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
  ['quotes in its socket', add('/run/"a"\n'), '{}', 11, /agent at \/run\/"a"\n\.cni: No such/],
];

for (const [name, environment, input, code, text] of badCalls) {
  test(`answers ${name} with code ${code}`, async () => {
    assertError(await execute(environment, input), code, text);
  });
}

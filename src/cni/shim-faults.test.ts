import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import {
  type ShimAgent as Agent,
  addTo as add,
  configuration,
  type Execution,
  execute,
  freshSocket,
  listen,
  variables,
} from '../../test/support/shim-agent.ts';

/** An agent that sends these bytes, whatever it is asked, and (unless it hangs) closes. */
async function startBroken(bytes: string, hangs = false): Promise<Agent> {
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

for (const [name, environment, input, code, text] of badCalls) {
  test(`answers ${name} with code ${code}`, async () => {
    assertError(await execute(environment, input), code, text);
  });
}

// The program as a user runs it: a process with exit code and output. The agent is a fake one.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'heddle-cli-'));
const socket = join(folder, 'agent.sock');

const status = {
  node: 'node-1',
  version: '0.1.0',
  kernel: '6.12.9',
  uptimeMs: 1000,
  health: { state: 'degraded', reasons: ['1 manifest is broken'] },
  mode: 'native',
  cluster: { source: 'directory x', complete: true, nodes: 1, pods: 0, services: 0, problems: [] },
  datapath: { adopted: true, programs: 5, attachments: 1, uplinks: [] },
  tables: [],
  facts: [],
  maps: [],
  drops: { lastMinute: 0, total: [] },
  flowEvents: { received: 0, suppressed: 0, lost: 0 },
  recentErrors: [],
};
const world = { kind: 'world', address: '203.0.113.8', port: 53 };
const flow = {
  kind: 'flow',
  time: '2026-03-01T12:00:00Z',
  from: world,
  to: world,
  protocol: 'udp',
};
const answers: Readonly<Record<string, string>> = {
  '/v1/status': JSON.stringify(status),
  '/v1/endpoints': '[]',
  '/v1/nodes': '[]',
  '/v1/flows?': ['allowed', 'dropped']
    .map((verdict) => `${JSON.stringify({ ...flow, verdict, direction: 'egress' })}\n`)
    .join(''),
};

// Texts that objects, runtimes and servers may contain.
const hostile = '\x1b[2J\x1b]0;pwned\x07\x9b31m\x7f\u202e\n';
const hostilePod = { namespace: hostile, name: hostile };
const hostileAnswers: Readonly<Record<string, string>> = {
  '/v1/status': JSON.stringify({
    ...status,
    health: { state: 'degraded', reasons: [hostile, 'A'.repeat(200_000)] },
    cluster: {
      ...{ ...status.cluster, source: hostile },
      problems: [{ text: hostile, consequence: hostile }],
    },
    datapath: { ...status.datapath, uplinks: [{ name: hostile, addresses: [], mtuBytes: 1500 }] },
    recentErrors: [{ at: '2026-03-01T12:00:00Z', text: `e ${hostile}` }],
  }),
  '/v1/endpoints': JSON.stringify([
    { pod: hostilePod, containerId: hostile, addresses: [hostile], hostIfName: hostile, id: 1 },
  ]),
  '/v1/nodes': JSON.stringify([{ name: hostile, addresses: [hostile], podCidrs: [], pods: 1 }]),
  '/v1/maps': JSON.stringify({ maps: [{ name: hostile, maxEntries: 1 }] }),
  '/v1/maps/x': JSON.stringify({
    name: 'x',
    maxEntries: 1,
    entries: [{ key: hostile, value: hostile }],
  }),
  '/v1/flows?': `${JSON.stringify({
    ...flow,
    ...{ verdict: 'allowed', direction: 'egress' },
    from: { kind: 'pod', address: '203.0.113.8', pod: hostilePod },
  })}\n`,
};
let isHostile = false;

const server = createServer((request, response) => {
  const answer = (isHostile ? hostileAnswers : answers)[request.url ?? ''];
  if (answer === undefined && isHostile) {
    response.writeHead(404).end(JSON.stringify({ error: hostile }));
    return;
  }
  if (answer === undefined) response.writeHead(404).end('{"error":"no such route"}');
  else response.end(answer);
});
before(() => new Promise<void>((resolve) => server.listen(socket, resolve)));
after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const endOfCommand = '-- end of a command --';

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function heddle(...words: string[]): Promise<Run> {
  return runOf(process.execPath, [program, ...words]);
}

/** The output of each command, both streams, all in one process: starting one takes longer than most commands. */
async function heddleInTurn(commands: readonly (readonly string[])[]): Promise<readonly string[]> {
  const runModule = new URL('./run.js', import.meta.url).href;
  const script = `
    import { runCommand } from ${JSON.stringify(runModule)};
    const exit = new Error('the command would have ended the process');
    process.exit = () => { throw exit; };
    for (const words of ${JSON.stringify(commands)}) {
      process.argv.splice(1, Infinity, ...words); // \`node -e\` names no file
      await runCommand(words[0]).catch((error) => { if (error !== exit) throw error; });
      console.log(${JSON.stringify(endOfCommand)});
    }`;
  const { stdout } = await runOf('bash', [
    ...['-c', 'exec "$0" --input-type=module -e "$1" 2>&1', process.execPath, script],
  ]);
  return stdout.split(`${endOfCommand}\n`);
}

/** `words` may redirect; `before` is a command that runs another one. */
function heddleInShell(words: string, before = ''): Promise<Run> {
  return runOf('bash', ['-c', `${before} "${process.execPath}" "${program}" ${words}`]);
}

function runOf(file: string, words: readonly string[]): Promise<Run> {
  const child = spawn(file, words, {
    env: { ...process.env, HEDDLE_SOCKET: socket },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    run.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    run.stderr += chunk;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...run })));
}

test('an unhealthy node is reported in the first line and by exit code 1', async () => {
  const { code, stdout, stderr } = await heddle('status');
  assert.equal(stdout.split('\n')[0], 'node-1: DEGRADED: 1 manifest is broken');
  assert.equal(code, 1);
  assert.equal(stderr, '');
});

test("-o json prints the agent's answer unchanged", async () => {
  const { code, stdout } = await heddle('nodes', '-o', 'json');
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), []);
});

test('flows are filtered, and printed as one JSON object per line', async () => {
  const { stdout } = await heddle('flows', '--verdict', 'dropped', '-o', 'json');
  const lines = stdout.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).verdict),
    ['dropped'],
  );
});

test('a refusal of the agent is one line on standard error', async () => {
  assert.deepEqual(await heddle('maps', 'dump', 'x'), {
    code: 1,
    stdout: '',
    stderr: 'heddle: no such route\n',
  });
});

const shown: readonly (readonly string[])[] = [
  ...[['status'], ['endpoints'], ['nodes'], ['maps', 'list'], ['maps', 'dump', 'x'], ['flows']],
  ['maps', 'dump', 'none'],
];
test('no answer contains anything that a terminal interprets', async (context) => {
  isHostile = true;
  const commands = shown.flatMap((command) => [command, [...command, '-o', 'json']]);
  const answers = await heddleInTurn(commands).finally(() => {
    isHostile = false;
  });
  for (const [index, words] of commands.entries()) {
    await context.test(`heddle ${words.join(' ')}`, () => {
      const text = answers[index] ?? '';
      assert.match(text, /\\(x|u00)1b\[2J/);
      assert.doesNotMatch(text, /[^\n\P{Cc}]|\p{Cf}/u);
      if (!words.includes('json')) assert.ok(text.length < 10_000);
    });
  }
});

test('without an agent, the error names the socket and the remedy', async () => {
  const { code, stderr } = await heddle('status', '--socket', '/nonexistent/agent.sock');
  assert.equal(code, 1);
  assert.match(stderr, /^heddle: no agent answers at \/nonexistent\/agent\.sock: .*npm start.*\n$/);
});

test('an unknown command is refused', async () => {
  const { code, stderr } = await heddle('frobnicate');
  assert.equal(code, 1);
  assert.match(stderr, /^heddle: unknown command 'frobnicate'/);
});

test('mistyped words are reported without anything that a terminal interprets', async () => {
  const word = '\x1b[2J\x1b]0;owned\x07';
  const commands = [[word], ['flows', `--${word}`], ['status', '-o', word], ['completion', word]];
  const answers = await heddleInTurn(commands);
  for (const index of commands.keys()) {
    const text = answers[index] ?? '';
    assert.match(text, /^heddle: .*\\x1b\[2J\\x1b\]0;owned\\x07/);
    assert.ok(!text.includes('\x1b') && !text.includes('\x07'));
  }
});

test('a reader that closes the pipe ends the program quietly', async () => {
  const child = spawn('bash', [
    '-c',
    `"${process.execPath}" "${program}" completion bash | true; echo \${PIPESTATUS[0]}`,
  ]);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk;
    });
  await new Promise((resolve) => child.on('close', resolve));
  assert.equal(output, '0\n');
});

for (const words of [['status'], ['endpoints'], ['version'], ['completion', 'bash']]) {
  test(`heddle ${words.join(' ')} on a full disk is one sentence and exit code 1`, async () => {
    const { code, stderr } = await heddleInShell(`${words.join(' ')} >/dev/full`);
    assert.match(stderr, /^heddle: standard output cannot be written: ENOSPC[^\n]*\n$/);
    assert.equal(code, 1);
  });
}

test('a file of a sysdump that does not fit on the disk is named in one sentence', async () => {
  const { code, stderr } = await heddle('sysdump', '--output', '/dev/full');
  assert.match(stderr, /\nheddle: \/dev\/full cannot be written: ENOSPC[^\n]*\n$/);
  assert.equal(code, 1);
});

test('if nothing can be written, only the exit code is left', async () => {
  const { code } = await heddleInShell('maps dump x >/dev/full 2>/dev/full');
  assert.equal(code, 1);
});

test('an invalid end of flows is reported with option, value and rule', async () => {
  for (const [option, value] of [
    ['--from', ''],
    ['--to', 'a/b/c:99999'],
  ] as const) {
    const { code, stdout, stderr } = await heddle('flows', option, value);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      new RegExp(`^heddle: option '${option} <end>' argument '${value}' is invalid\\. `),
    );
  }
});

// Users that may read the program, wherever it is.
const asOrdinaryUser =
  process.geteuid?.() === 0
    ? 'setpriv --reuid 65534 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search'
    : '';
for (const words of ['uninstall', 'install-cni', 'sysdump --output /root/x', 'demo', 'lab up x']) {
  test(`heddle ${words} tells an ordinary user that it requires root`, async () => {
    const { code, stderr } = await heddleInShell(words, asOrdinaryUser);
    assert.match(stderr, /(^|\n)heddle: only root may do this: run it with sudo \([^\n]*\)\n$/);
    assert.equal(code, 1);
  });
}

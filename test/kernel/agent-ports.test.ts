// The agent's ports under attack: taken by another process, filled with connections. CNI requests and probes continue.

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type AgentPlace,
  agentPlace,
  cni,
  eventuallyPasses,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn, spawnIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));
const unprivileged = ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all'];

/** Runs a JavaScript program in the node's namespace as an unprivileged user; waits for its first output. */
async function attacker(
  context: TestContext,
  { namespace }: AgentPlace,
  script: string,
): Promise<ChildProcess> {
  const child = spawnIn(namespace, 'setpriv', [...unprivileged, process.execPath, '-e', script]);
  context.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  return child;
}

const takePorts = (ports: readonly number[]): string => `
  const net = require('node:net');
  Promise.all(${JSON.stringify(ports)}.map((port) => new Promise((resolve) =>
    net.createServer().listen(port, '127.0.0.1', resolve)))).then(() => console.log('taken'));`;

// Ends by itself, so that a leftover causes no load.
const holdConnections = (port: number, count: number): string => `
  const net = require('node:net');
  const open = () => net.connect(${port}, '127.0.0.1').on('error', () => {}).on('close', () => setTimeout(open, 50));
  for (let index = 0; index < ${count}; index++) setTimeout(open, index);
  setTimeout(() => console.log('many'), ${count});
  setTimeout(() => process.exit(), 30000);`;

const scrape = (port: number, count: number): string => `
  const http = require('node:http');
  const ask = () => http.get({ port: ${port}, host: '127.0.0.1', path: '/metrics', agent: false },
    (answer) => answer.resume().on('close', ask)).on('error', () => setTimeout(ask, 10));
  for (let index = 0; index < ${count}; index++) ask();
  console.log('scraping');
  setTimeout(() => process.exit(), 30000);`;

function answerOn({ namespace }: AgentPlace, url: string): string {
  return runIn(namespace, 'curl', '-s', '-m', '10', url);
}

function addAndDelete(context: TestContext, place: AgentPlace, containerId: string): void {
  const netns = podNamespace(context).path;
  const result = JSON.parse(cni(place, { verb: 'ADD', containerId, netns })) as { ips: object[] };
  assert.equal(result.ips.length, 2);
  cni(place, { verb: 'DEL', containerId, netns });
}

rootTest(
  'ports that another process uses delay no pod, and are reported until they are free',
  async (context) => {
    const place = agentPlace(context, 'metrics: { address: "127.0.0.1:9655" }\n');
    const squatter = await attacker(context, place, takePorts([9655, 9656]));
    await startAgent(context, place);
    addAndDelete(context, place, 'squatted');
    await eventuallyPasses(async () => {
      const { health } = await status(place);
      assert.equal(health.state, 'degraded');
      const text = health.reasons.join('\n');
      assert.match(
        text,
        /^health\.address: listen 127\.0\.0\.1:9656: EADDRINUSE .*; probes fail$/m,
      );
      assert.match(text, /^metrics\.address: listen 127\.0\.0\.1:9655: EADDRINUSE /m);
    });
    assert.equal(spawnSync(shim, ['alive', place.socket]).status, 0, 'the liveness probe');
    squatter.kill('SIGKILL');
    await eventuallyPasses(async () => {
      assert.deepEqual((await status(place)).health, {
        state: 'healthy',
        reasons: [],
        problems: [],
      });
    }, 15_000);
    assert.equal(answerOn(place, 'http://127.0.0.1:9656/readyz'), 'ok\n');
    assert.match(answerOn(place, 'http://127.0.0.1:9655/metrics'), /^heddle_endpoints 0$/m);
  },
);

rootTest(
  'thousands of connections and forty scrapers affect neither descriptors nor pods',
  async (context) => {
    const place = agentPlace(context, 'metrics: { address: "[::]:9655" }\n');
    const agent = await startAgent(context, place);
    const pid = agentOf(agent.process);
    await eventuallyPasses(() => {
      assert.match(answerOn(place, 'http://[::1]:9655/metrics'), /^heddle_endpoints 0$/m);
    });
    const before = residentMegabytes(pid);
    await attacker(context, place, holdConnections(9655, 2000));
    await attacker(context, place, holdConnections(9656, 500));
    await attacker(context, place, scrape(9655, 40));
    for (let round = 0; round < 5; round++) {
      addAndDelete(context, place, `flooded-${round}`);
      assert.equal(answerOn(place, 'http://127.0.0.1:9656/healthz'), 'ok\n');
      assert.equal(spawnSync(shim, ['alive', place.socket]).status, 0);
      const descriptors = readdirSync(`/proc/${pid}/fd`).length;
      assert.ok(descriptors < 250, `${descriptors} descriptors`);
    }
    const grown = residentMegabytes(pid) - before;
    assert.ok(grown < 40, `${grown} MB more`);
  },
);

rootTest(
  'a probe over the socket reports a healthy, an unhealthy and a missing agent',
  async (context) => {
    const place = agentPlace(context);
    const agent = await startAgent(context, place);
    const alive = (...words: string[]): { status: number | null; stdout: string } =>
      spawnSync(shim, ['alive', ...words], { encoding: 'utf8' });
    assert.deepEqual([alive(place.socket).status, alive(place.socket).stdout], [0, '']);
    await agent.end('SIGTERM');
    const gone = alive(place.socket);
    assert.equal(gone.status, 1);
    assert.match(
      gone.stdout,
      /^the Heddle agent at .*: (Connection refused|No such file or directory)\n$/,
    );
    assert.match(alive(`/${'x'.repeat(120)}`).stdout, /is too long for a socket/);
  },
);

/** Behind nsenter and env, which execute the next word. */
function agentOf({ pid = 0 }: ChildProcess): number {
  const words = readFileSync(path.join('/proc', String(pid), 'cmdline'), 'utf8').split('\0');
  assert.ok(words.includes('agent'), words.join(' '));
  return pid;
}

function residentMegabytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024) / 1e6;
}

// The wall clock is set under a running agent, a day ahead and two days back: nothing that measures time may be
// affected.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type AgentPlace,
  agentPlace,
  cni,
  cniBeside,
  eventuallyPasses,
  get,
  type PodNetns,
  podNamespace,
  type RunningAgent,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn, spawnIn } from '../support/namespaces.ts';
import { nodeState } from '../support/node-state.ts';
import { rootTest } from '../support/root-test.ts';
import { WallClock } from '../support/wall-clock.ts';

const heddle = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const cooldownMs = 2000;
// Three addresses for pods: 10.201.1.2 to .4.
const excluded = ['.5/32', '.6/31', '.8/29', '.16/28', '.32/27', '.64/26', '.128/25'];
const settings = `ipam:
  cooldownMs: ${cooldownMs}
  excludedCidrs: [${excluded.map((end) => `10.201.1${end}`).join()}]
`;
const patienceMs = 30_000;

rootTest('a jump of the wall clock under traffic changes nothing', async (context) => {
  const place = agentPlace(context, settings);
  const clock = new WallClock(place.folder);
  const agent = await startAgent(context, place, clock.environment);
  const [from, to, guest] = [1, 2, 3].map(() => podNamespace(context));
  assert(from !== undefined && to !== undefined && guest !== undefined);
  await added(place, from, 'from');
  const target = await added(place, to, 'to');
  const pods = [from, to, guest];
  // DEL leaves the same as after ADD.
  runIn(guest.namespace, 'ip', 'link', 'set', 'lo', 'up');
  const without = await lasting(place, agent, pods);
  await added(place, guest, 'guest');
  const refused = { runtimeConfig: { ips: ['10.201.1.2'] } };
  const asked = { verb: 'ADD', containerId: 'refused', netns: guest.path, more: refused } as const;
  assert.equal((await cniBeside(place, asked)).exitCode, 1);
  const traffic = await startTraffic(context, { from, to, target });

  for (const days of [1, -1]) {
    const before = await lasting(place, agent, pods);
    const logged = agent.log().length;
    clock.setDays(days);
    await traffic.goesOn();
    assert.deepEqual(await lasting(place, agent, pods), before);
    runIn(from.namespace, 'busybox', 'ping', '-c', '1', '-W', '2', 'fd00:201:1::3');
    await saneTimes(place, clock);
    // The only remaining address: it is allocated again although it cools down.
    cni(place, { verb: 'DEL', containerId: 'guest', netns: guest.path });
    await eventuallyPasses(() =>
      assert.doesNotMatch(runIn(place.namespace, 'ip', '-o', 'link'), /: hdx/),
    );
    const again = { verb: 'ADD', containerId: 'guest', netns: guest.path } as const;
    const prevResult: unknown = JSON.parse(cni(place, again));
    cni(place, { verb: 'CHECK', containerId: 'guest', netns: guest.path, more: { prevResult } });
    const told = agent
      .log()
      .slice(logged)
      .map(({ msg }) => String(msg));
    assert.deepEqual(
      told.filter((text) => !/^(CNI request|settled)/.test(text)),
      [],
    );
  }
  assert.equal(await traffic.lost(), 0);
  cni(place, { verb: 'DEL', containerId: 'guest', netns: guest.path });
  await eventuallyPasses(async () => assert.deepEqual(await lasting(place, agent, pods), without));
});

rootTest('a failed write is retried whatever the wall clock says', async (context) => {
  const place = agentPlace(context, 'addressEntries: 64\n');
  const clock = new WallClock(place.folder);
  const agent = await startAgent(context, place, clock.environment);
  const extra = Array.from({ length: 64 }, (_, index) => `10.200.9.${index + 1}/32`);
  const each = (verb: string): void => {
    const lines = extra.map((address) => `ip address ${verb} ${address} dev eth0`);
    runIn(place.namespace, 'sh', '-ec', lines.join('\n'));
  };
  each('add');
  for (const days of [0, 1, -1]) {
    clock.setDays(days);
    // Each failed attempt delays the next.
    const first = await retryInMs(place, clock);
    await eventuallyPasses(
      async () => assert.ok((await retryInMs(place, clock)) > first),
      patienceMs,
    );
  }
  const failures = agent.log().filter(({ msg }) => /the map is full/.test(String(msg)));
  assert.ok(failures.length <= extra.length, 'a failure that stays is told once');
  each('del');
  await eventuallyPasses(
    async () => assert.equal((await status(place)).health.state, 'healthy'),
    patienceMs,
  );
});

rootTest(
  "an agent whose clock is two days before its pods' creation adopts them",
  async (context) => {
    const place = agentPlace(context, settings);
    const clock = new WallClock(place.folder);
    clock.setDays(1);
    const first = await startAgent(context, place, clock.environment);
    const pods = [1, 2, 3].map(() => podNamespace(context));
    const [from, to, guest] = pods;
    assert(from !== undefined && to !== undefined && guest !== undefined);
    await added(place, from, 'from');
    const target = await added(place, to, 'to');
    await added(place, guest, 'guest');
    cni(place, { verb: 'DEL', containerId: 'guest', netns: guest.path });
    assert.equal(await first.end('SIGKILL'), 'SIGKILL');
    clock.setDays(-1);
    await startAgent(context, place, clock.environment);
    assert.deepEqual((await status(place)).health, { state: 'healthy', reasons: [], problems: [] });
    assert.equal(await added(place, guest, 'guest'), '10.201.1.4');
    runIn(from.namespace, 'busybox', 'ping', '-c', '1', '-W', '2', target);
    await saneTimes(place, clock);
  },
);

async function added(place: AgentPlace, pod: PodNetns, containerId: string): Promise<string> {
  const end = await cniBeside(place, { verb: 'ADD', containerId, netns: pod.path });
  assert.equal(end.exitCode, 0, JSON.stringify(end.answer));
  return end.answer?.ips?.[0]?.address.split('/')[0] ?? '';
}

interface Traffic {
  /** More arrives on the connection that was open all the time. */
  goesOn(): Promise<void>;
  /** Ends both; echo requests stay unanswered. */
  lost(): Promise<number>;
}

async function startTraffic(
  context: TestContext,
  { from, to, target }: { from: PodNetns; to: PodNetns; target: string },
): Promise<Traffic> {
  const serve = spawnIn(to.namespace, 'busybox', ['nc', '-l', '-p', '7', '-e', 'cat']);
  const talk = `while echo x; do sleep 0.02; done | busybox nc ${target} 7`;
  const pings = spawnIn(from.namespace, 'busybox', ['ping', '-i', '0.01', target]);
  let said = '';
  pings.stdout?.on('data', (chunk) => {
    said += String(chunk);
  });
  await eventuallyPasses(() => assert.match(runIn(to.namespace, 'ss', '-Hltn'), /:7 /));
  // A session of its own: a pipeline that outlives its shell would keep this process from ending.
  const connection = spawnIn(from.namespace, 'setsid', ['sh', '-c', talk]);
  let heard = 0;
  connection.stdout?.on('data', (chunk) => {
    heard += String(chunk).length;
  });
  context.after(() => {
    const { pid, exitCode } = connection;
    if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGKILL');
  });
  for (const child of [serve, pings]) context.after(() => child.kill('SIGKILL'));
  const goesOn = async (): Promise<void> => {
    const until = heard + 20;
    await eventuallyPasses(() => assert.ok(heard > until, `${heard} bytes came back`), patienceMs);
    assert.equal(connection.exitCode, null);
  };
  await goesOn();
  return { goesOn, lost: () => lostOf(pings, () => said) };
}

async function lostOf(pings: ChildProcess, said: () => string): Promise<number> {
  const closed = once(pings, 'close');
  pings.kill('SIGINT');
  await closed;
  const [, sent, received] =
    /(\d+) packets transmitted, (\d+) packets received/.exec(said()) ?? assert.fail(said());
  // The last one may be in flight.
  return Math.max(0, Number(sent) - Number(received) - 1);
}

// Ages on the screen, and times in JSON, follow the current clock.
async function saneTimes(place: AgentPlace, clock: WallClock): Promise<void> {
  const { startedAt, lastChange, recentErrors } = await status(place);
  const times = [startedAt, lastChange?.at, recentErrors.at(-1)?.at].filter(
    (at) => at !== undefined,
  );
  for (const time of times) assertRecent(time, clock);
  // The ring is read once a second.
  await eventuallyPasses(async () => {
    const flows = (await get(place, '/v1/flows')).text.trimEnd().split('\n');
    assertRecent(JSON.parse(flows.at(-1) ?? '').time, clock);
  });
  const variables = Object.entries(clock.environment).map(([name, value]) => `${name}=${value}`);
  const command = [...variables, process.execPath, heddle, 'status', '--socket', place.socket];
  const screen = runIn(place.namespace, 'env', ...command);
  assert.match(screen, /healthy .*, up [\d.]+ m?s\n/);
  assert.match(screen, /last change \d+ s ago/);
  assert.doesNotMatch(screen, /\d (d|h|min) /);
}

function assertRecent(time: string, clock: WallClock): void {
  const ageMs = clock.now() - Date.parse(time);
  assert.ok(ageMs > -1000 && ageMs < 120_000, `${time} is ${ageMs} ms ago`);
}

// Until the next attempt, by the current clock.
async function retryInMs(place: AgentPlace, clock: WallClock): Promise<number> {
  let retryAt = '';
  await eventuallyPasses(async () => {
    const { tables } = await status(place);
    retryAt = tables.flatMap(({ failures }) => failures)[0]?.retryAt ?? assert.fail('no failure');
  });
  const leftMs = Date.parse(retryAt) - clock.now();
  assert.ok(leftMs > -2000 && leftMs < 120_000, `${retryAt}: in ${leftMs} ms`);
  return leftMs;
}

async function lasting(
  place: AgentPlace,
  agent: RunningAgent,
  pods: readonly PodNetns[],
): Promise<object> {
  const namespaces = pods.map(({ namespace }) => namespace);
  const of = { place, pid: agent.process.pid ?? 0, pods: namespaces };
  const { files, ...rest } = await nodeState(of);
  return { ...rest, files: Object.keys(files as object) };
}

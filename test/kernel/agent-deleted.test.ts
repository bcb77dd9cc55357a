// The agent's own files on disk and in the bpf file system are deleted under the running agent.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import type { TestContext } from 'node:test';
import {
  type AgentPlace,
  agentPlace,
  cni,
  eventuallyPasses,
  get,
  launchAgent,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

/** A permanent reader. */
function fetchFlows({ socket }: AgentPlace): http.ClientRequest {
  const request = http.get({ socketPath: socket, path: '/v1/flows?follow=1', agent: false });
  return request.on('error', () => undefined);
}

rootTest(
  'a deleted state folder is restored with the next ADD or period, including the lock',
  async (context) => {
    const place = agentPlace(context);
    const agent = await startAgent(context, place);
    const [one, two] = [podNamespace(context), podNamespace(context)];
    cni(place, { verb: 'ADD', containerId: 'one', netns: one.path });
    rmSync(place.stateDir, { recursive: true });
    cni(place, { verb: 'ADD', containerId: 'two', netns: two.path });
    const records = path.join(place.stateDir, 'endpoints');
    await eventuallyPasses(() => {
      assert.equal(readdirSync(records).length, 2);
      assert.ok(existsSync(path.join(place.stateDir, 'agent.lock')));
    });
    const second = launchAgent(context, place);
    assert.equal(await second.ended, 1);
    assert.match(second.text(), /stateDir: .* is in use by another heddle agent \(pid \d+\)/);
    rmSync(place.stateDir, { recursive: true });
    for (const [containerId, { path: netns }] of Object.entries({ one, two })) {
      cni(place, { verb: 'DEL', containerId, netns });
    }
    await eventuallyPasses(async () => {
      assert.deepEqual((await status(place)).health, {
        state: 'healthy',
        reasons: [],
        problems: [],
      });
    });
    assert.equal(await agent.end('SIGTERM'), 0);
  },
);

rootTest(
  'after its socket was deleted or replaced, the agent listens on it again',
  async (context) => {
    const place = agentPlace(context);
    const agent = await startAgent(context, place);
    const pod = podNamespace(context);
    const following = fetchFlows(place);
    context.after(() => following.destroy());
    rmSync(path.dirname(place.socket), { recursive: true });
    await eventuallyPasses(() => {
      cni(place, { verb: 'ADD', containerId: 'one', netns: pod.path });
    });
    rmSync(place.socket);
    writeFileSync(place.socket, '');
    await eventuallyPasses(async () => {
      assert.deepEqual((await status(place)).health, {
        state: 'healthy',
        reasons: [],
        problems: [],
      });
    });
    assert.equal(statSync(place.socket).mode & 0o777, 0o600);
    rmSync(place.socket);
    chmodSync(path.dirname(place.socket), 0o777);
    await eventuallyPasses(() => {
      const texts = agent.log().map(({ problem, msg }) => `${problem} ${msg}`);
      assert.match(texts.join('\n'), /socket: .* is writable by others \(mode 0777\)/);
    });
    chmodSync(path.dirname(place.socket), 0o755);
    await eventuallyPasses(() => {
      cni(place, { verb: 'DEL', containerId: 'one', netns: pod.path });
    });
    assert.equal(await agent.end('SIGTERM'), 0, 'a reader of an earlier file holds nothing up');
    assert.ok(!existsSync(place.socket));
  },
);

rootTest(
  'an unwritable state folder is a problem and not ready, but does not affect DEL',
  async (context) => {
    const place = agentPlace(context);
    await startAgent(context, place);
    const pod = podNamespace(context);
    const call = { containerId: 'one', netns: pod.path } as const;
    cni(place, { verb: 'ADD', ...call });
    const other = { containerId: 'two', netns: podNamespace(context).path } as const;
    // A file replaces the folder: root may write to a folder of any mode.
    const records = path.join(place.stateDir, 'endpoints');
    rmSync(records, { recursive: true });
    runIn(place.namespace, 'touch', records);
    await eventuallyPasses(async () => {
      assert.match((await status(place)).health.reasons.join(), /^stateDir: .*no pod can be added/);
      assert.equal((await get(place, '/readyz')).status, 503);
    });
    assert.throws(() => cni(place, { verb: 'ADD', ...other }), /Command failed/);
    cni(place, { verb: 'DEL', ...call });
    assert.equal((await status(place)).endpoints, 0);
    rmSync(records);
    await eventuallyPasses(async () => {
      assert.deepEqual((await status(place)).health, {
        state: 'healthy',
        reasons: [],
        problems: [],
      });
      assert.equal((await get(place, '/readyz')).status, 200);
    });
    cni(place, { verb: 'ADD', ...other });
  },
);

rootTest('an agent starts on a read-only disk and reports it', async (context) => {
  const place = agentPlace(context);
  mkdirSync(place.stateDir);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'test', place.stateDir]);
  try {
    await startReadOnly(context, place);
  } finally {
    execFileSync('umount', ['--lazy', place.stateDir]);
  }
});

async function startReadOnly(context: TestContext, place: AgentPlace): Promise<void> {
  const agent = await startAgent(context, place);
  const pods = [podNamespace(context), podNamespace(context)] as const;
  cni(place, { verb: 'ADD', containerId: 'one', netns: pods[0].path });
  await agent.end('SIGKILL');
  const records = path.join(place.stateDir, 'endpoints');
  for (const name of ['hd00000000001.json', 'hd00000000001.json.tmp']) {
    writeFileSync(path.join(records, name), '{');
  }
  execFileSync('mount', ['-o', 'remount,ro', place.stateDir]);
  launchAgent(context, place);
  await eventuallyPasses(async () => {
    const { health, endpoints } = await status(place);
    assert.match(health.reasons.join(), /stateDir: EROFS.*; no pod can be added/);
    assert.match(health.reasons.join(), /hd00000000001.json: .*cannot be set aside \(EROFS/);
    assert.equal(endpoints, 1);
  }, 20_000);
  const second = launchAgent(context, place);
  assert.equal(await second.ended, 1);
  assert.match(second.text(), /is in use by another heddle agent/);
  cni(place, { verb: 'DEL', containerId: 'one', netns: pods[0].path });
  execFileSync('mount', ['-o', 'remount,rw', place.stateDir]);
  await eventuallyPasses(() => {
    cni(place, { verb: 'ADD', containerId: 'two', netns: pods[1].path });
  });
  await eventuallyPasses(() => {
    const left = readdirSync(records).filter((name) => name.endsWith('.json'));
    assert.equal(left.length, 2, 'the record of the first is gone, the corrupt one is left');
  });
}

rootTest('deleted pins are restored, and the next agent adopts them', async (context) => {
  const place = agentPlace(context);
  const agent = await startAgent(context, place);
  const pod = podNamespace(context);
  cni(place, { verb: 'ADD', containerId: 'one', netns: pod.path });
  const pinned = (): readonly string[] =>
    readdirSync(place.pinDir, { recursive: true }).map(String);
  const before = [...pinned()].sort();
  rmSync(place.pinDir, { recursive: true });
  await eventuallyPasses(async () => {
    assert.deepEqual([...pinned()].sort(), before);
    assert.deepEqual((await status(place)).health, { state: 'healthy', reasons: [], problems: [] });
  });
  await agent.end('SIGKILL');
  await startAgent(context, place);
  const { datapath, endpoints } = await status(place);
  assert.deepEqual([datapath.adopted, endpoints], [true, 1]);
  runIn(pod.namespace, 'busybox', 'ping', '-c', '1', '-W', '2', '10.200.0.11');
});

// Manifests that cost the agent far more than their size, in the folder of a running agent: pods are added and deleted
// meanwhile.

import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { mostInline } from '../../src/cluster/manifests/reader.ts';
import {
  type AgentPlace,
  agentPlace,
  cniBeside,
  eventuallyPasses,
  podNamespace,
  type RunningAgent,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { hostileManifests } from '../support/hostile-manifests.ts';
import { rootTest } from '../support/root-test.ts';

// Eight MiB of keys in one map take minutes.
const costly = hostileManifests[0]?.text(8_000_000) ?? '';

const pod = '{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web-1}}\n';

function put({ folder }: AgentPlace, name: string, text: string): void {
  writeFileSync(path.join(folder, 'draft'), text);
  renameSync(path.join(folder, 'draft'), path.join(folder, 'cluster', name));
}

// Five times the measured value; work that must not run in the agent's own thread takes seconds.
const mostComputedMs = 500;

/** Computing time of the agent's own thread since its start. Unlike elapsed time, it does not depend on other load. */
function computedMs({ process: { pid } }: RunningAgent): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}

/** A pod is added and deleted; returns the most that the agent's own thread computed until one of both was answered. */
async function comeAndGo(place: AgentPlace, agent: RunningAgent, netns: string): Promise<number> {
  let mostMs = 0;
  for (const verb of ['ADD', 'DEL'] as const) {
    const before = computedMs(agent);
    const { exitCode, answer } = await cniBeside(place, { verb, containerId: 'c0ffee', netns });
    assert.equal(exitCode, 0, `${verb}: ${JSON.stringify(answer)}`);
    mostMs = Math.max(mostMs, computedMs(agent) - before);
  }
  return mostMs;
}

rootTest(
  'pods are added and deleted while a manifest is read that takes too long',
  async (context) => {
    const place = agentPlace(context);
    put(place, 'web.yaml', pod);
    const agent = await startAgent(context, place);
    const netns = podNamespace(context).path;
    put(place, 'costly.yaml', costly);
    let mostMs = 0;
    for (const end = performance.now() + 6_000; performance.now() < end; ) {
      mostMs = Math.max(mostMs, await comeAndGo(place, agent, netns));
    }
    assert.ok(mostMs > 0 && mostMs < mostComputedMs, `${mostMs} ms`);
    await eventuallyPasses(async () => {
      const { cluster } = await status(place);
      assert.match(
        cluster.problems[0]?.text ?? '',
        /cluster\/costly\.yaml: takes (longer than 30 s|more than 1024 MiB of memory) to read$/,
      );
    }, 40_000);
  },
);

rootTest('an agent that reads such a manifest stops as fast as any other', async (context) => {
  const place = agentPlace(context);
  const agent = await startAgent(context, place);
  put(place, 'costly.yaml', costly);
  await setTimeout(1_000);
  const began = performance.now();
  assert.equal(await agent.end('SIGINT'), 0);
  const tookMs = performance.now() - began;
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
});

// The longest manifests that are read without a thread, and twice that length in a thread.
const everyShape = hostileManifests.flatMap(({ text }, index) => [
  { name: `${index}-short.yaml`, text: text(mostInline - 100) },
  { name: `${index}-long.yaml`, text: text(2 * mostInline) },
]);

rootTest(
  'pods are added and deleted while a manifest of every costly shape is read',
  async (context) => {
    const place = agentPlace(context);
    put(place, 'web.yaml', pod);
    const agent = await startAgent(context, place);
    const netns = podNamespace(context).path;
    for (const { name, text } of everyShape) put(place, name, text);
    // The last one to be written: if it is reported, all others have been read.
    put(place, '!.yaml', '[');
    let mostMs = 0;
    const isRead = async (): Promise<boolean> => {
      const { cluster } = await status(place);
      return cluster.problems.some(({ text }) => text.includes('/!.yaml'));
    };
    const deadline = performance.now() + 60_000;
    while (!(await isRead())) {
      assert.ok(performance.now() < deadline, 'not all are read');
      mostMs = Math.max(mostMs, await comeAndGo(place, agent, netns));
    }
    assert.ok(mostMs > 0 && mostMs < mostComputedMs, `${mostMs} ms`);
  },
);

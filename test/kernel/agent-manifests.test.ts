// Manifests that cost the agent far more than their size, in the folder of a running agent: pods come and go meanwhile.

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  type AgentPlace,
  agentPlace,
  cniBeside,
  eventually,
  podNamespace,
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

rootTest('pods come and go while a manifest is read that takes too long', async (context) => {
  const place = agentPlace(context);
  put(place, 'web.yaml', pod);
  await startAgent(context, place);
  const netns = podNamespace(context).path;
  put(place, 'costly.yaml', costly);
  let longestMs = 0;
  for (const end = performance.now() + 6_000; performance.now() < end; ) {
    for (const verb of ['ADD', 'DEL'] as const) {
      const began = performance.now();
      const { exitCode, answer } = await cniBeside(place, { verb, containerId: 'c0ffee', netns });
      assert.equal(exitCode, 0, `${verb}: ${JSON.stringify(answer)}`);
      longestMs = Math.max(longestMs, performance.now() - began);
    }
  }
  assert.ok(longestMs < 1_000, `${longestMs} ms`);
  await eventually(async () => {
    const { cluster } = await status(place);
    assert.match(
      cluster.problems[0]?.text ?? '',
      /cluster\/costly\.yaml: takes (longer than 30 s|more than 1024 MiB of memory) to read$/,
    );
  }, 40_000);
});

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

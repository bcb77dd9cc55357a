// Manifests that lose their objects without an intended deletion: truncated, written in steps, in an unmounted folder.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  type AgentPlace,
  agentPlace,
  eventuallyPasses,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const routesOf = ({ namespace }: AgentPlace): string =>
  runIn(namespace, 'ip', 'route', 'show', 'table', 'all', 'proto', '72');

async function keepsRoutes(place: AgentPlace, routes: string): Promise<void> {
  for (const end = performance.now() + 3_000; performance.now() < end; await setTimeout(50)) {
    assert.equal(routesOf(place), routes);
  }
}

rootTest('suddenly empty manifests remove no route and are reported', async (context) => {
  const place = agentPlace(context);
  const folder = path.join(place.folder, 'cluster');
  const file = path.join(folder, 'nodes.yaml');
  const text = fs.readFileSync(file, 'utf8');
  await startAgent(context, place);
  await eventuallyPasses(() => assert.match(routesOf(place), /^10\.201\.2\.0\/24 via /m));
  const routes = routesOf(place);
  const emptied: readonly (() => void)[] = [
    () => fs.truncateSync(file),
    () => fs.writeFileSync(file, '# nothing\n---\n'),
    () => fs.rmSync(file),
    () => {
      fs.renameSync(folder, `${folder}.away`);
      fs.mkdirSync(folder);
    },
  ];
  for (const empty of emptied) {
    empty();
    await eventuallyPasses(async () => {
      const { cluster, health } = await status(place);
      assert.match(cluster.problems[0]?.text ?? '', /cluster: has no objects, but there were \d+$/);
      assert.equal(health.state, 'degraded');
    }, 10_000);
    await keepsRoutes(place, routes);
    fs.writeFileSync(file, text);
    await eventuallyPasses(async () => {
      assert.deepEqual((await status(place)).cluster.problems, []);
    }, 10_000);
  }
  assert.equal(routesOf(place), routes);
});

rootTest('an agent that starts while its manifests are empty removes no route', async (context) => {
  const place = agentPlace(context);
  const file = path.join(place.folder, 'cluster', 'nodes.yaml');
  const agent = await startAgent(context, place);
  await eventuallyPasses(() => assert.match(routesOf(place), /^10\.201\.2\.0\/24 via /m));
  const routes = routesOf(place);
  await agent.end('SIGTERM');
  fs.truncateSync(file);
  await startAgent(context, place);
  await keepsRoutes(place, routes);
  const { problems, complete } = (await status(place)).cluster;
  assert.equal(complete, false);
  assert.match(problems[0]?.text ?? '', /cluster: has no objects$/);
});

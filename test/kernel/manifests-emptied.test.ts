// Manifests that lose their objects without an intended deletion: truncated, written in steps, in an unmounted folder.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  type AgentPlace,
  agentPlace,
  eventuallyPasses,
  get,
  launchAgent,
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

/** The node's nftables table, without counts. */
function rulesOf({ namespace }: AgentPlace): readonly string[] {
  const text = runIn(namespace, 'nft', '--stateless', 'list', 'table', 'inet', 'heddle');
  return text.split('\n');
}

for (const mode of ['native', 'vxlan']) {
  rootTest(
    `an agent that starts while its manifests are empty changes nothing, mode ${mode}`,
    async (context) => {
      const place = agentPlace(context, `mode: ${mode}\n`);
      const file = path.join(place.folder, 'cluster', 'nodes.yaml');
      const text = fs.readFileSync(file, 'utf8');
      const agent = await startAgent(context, place);
      await eventuallyPasses(() => assert.match(routesOf(place), /^10\.201\.2\.0\/24 /m));
      const [routes, rules] = [routesOf(place), rulesOf(place)];
      await agent.end('SIGTERM');
      fs.truncateSync(file);
      launchAgent(context, place);
      await eventuallyPasses(async () => {
        const { problems, complete } = (await status(place)).cluster;
        assert.equal(complete, false);
        assert.match(problems[0]?.text ?? '', /cluster: has no objects$/);
      });
      await keepsRoutes(place, routes);
      assert.deepEqual(rulesOf(place), rules);
      const { status: code, text: reason } = await get(place, '/readyz');
      assert.equal(code, 503);
      assert.match(reason, /the cluster has not been read yet: .*cluster: has no objects/);
      fs.writeFileSync(file, text);
      await eventuallyPasses(async () => assert.equal((await get(place, '/readyz')).status, 200));
      assert.deepEqual([routesOf(place), rulesOf(place)], [routes, rules]);
    },
  );
}

rootTest(
  'an agent that starts while the Node of another is unreadable keeps its tunnel until it is read',
  async (context) => {
    const place = agentPlace(context, 'mode: vxlan\n');
    const folder = path.join(place.folder, 'cluster');
    const nodes = fs.readFileSync(path.join(folder, 'nodes.yaml'), 'utf8').split('---\n');
    const put = (index: number, text = nodes[index - 1] ?? ''): void => {
      fs.writeFileSync(path.join(folder, `node-${index}.new`), text);
      fs.renameSync(
        path.join(folder, `node-${index}.new`),
        path.join(folder, `node-${index}.yaml`),
      );
    };
    put(1);
    put(2);
    fs.rmSync(path.join(folder, 'nodes.yaml'));
    const agent = await startAgent(context, place);
    await eventuallyPasses(() => assert.match(routesOf(place), /^10\.201\.2\.0\/24 /m));
    const [routes, rules] = [routesOf(place), rulesOf(place)];
    assert.ok(
      rules.some((line) => line.includes('10.200.0.12 . 10.200.0.11')),
      rules.join('\n'),
    );
    await agent.end('SIGTERM');
    put(2, 'kind: [Node\n');
    await startAgent(context, place);
    assert.equal((await status(place)).cluster.complete, false);
    await keepsRoutes(place, routes);
    assert.deepEqual(rulesOf(place), rules);
    put(2, nodes[1]?.replaceAll('10.200.0.12', '10.200.0.13'));
    await eventuallyPasses(() => assert.doesNotMatch(rulesOf(place).join(), /10\.200\.0\.12/));
    assert.match(rulesOf(place).join(), /10\.200\.0\.13 \. 10\.200\.0\.11/);
    assert.deepEqual((await status(place)).cluster.problems, []);
  },
);

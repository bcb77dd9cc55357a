// Many pods, one after the other and at once, also while the agent is killed: each gets its own address, and everything
// that they leave behind is counted.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  type AgentPlace,
  agentPlace,
  type CniEnd,
  cniBeside,
  eventuallyPasses,
  execution,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { runIn } from '../support/namespaces.ts';
import { descriptors, type NodeInventory, nodeInventory } from '../support/node-inventory.ts';
import { rootTest } from '../support/root-test.ts';

const atOnce = 50;
const cycles = 1000;
// A period that does not occur in the test: the counts show what each verb leaves, without later cleaning.
const settings = 'endpointEntries: 64\nreconcilePeriodMs: 600000\nipam: { cooldownMs: 0 }\n';

interface Member {
  readonly containerId: string;
  readonly netns: string;
}

function members(context: TestContext, count: number): readonly Member[] {
  return Array.from({ length: count }, (_, index) => ({
    containerId: `container-${index}`,
    netns: podNamespace(context).path,
  }));
}

function addressesOf(ends: readonly CniEnd[]): readonly string[] {
  return ends.flatMap(({ answer }) => (answer?.ips ?? []).map(({ address }) => address));
}

function assertAllWorked(ends: readonly CniEnd[]): void {
  const refused = ends.filter(({ exitCode }) => exitCode !== 0);
  assert.deepEqual(refused, []);
}

/** Interfaces are deleted some time after their pods: the test waits for them. */
async function assertLeft(
  place: AgentPlace,
  { inventory, files }: { readonly inventory: NodeInventory; readonly files: readonly string[] },
  pid: number,
): Promise<void> {
  await eventuallyPasses(() => {
    assert.deepEqual(nodeInventory(place), inventory);
    assert.deepEqual(descriptors(pid), files);
  });
  const { health, endpoints, tables } = await status(place);
  assert.deepEqual(
    { health, endpoints },
    { health: { state: 'healthy', reasons: [], problems: [] }, endpoints: 0 },
  );
  assert.ok(tables.every(({ desired, applied }) => desired === applied));
}

/** One pod was added and deleted: everything that the agent opens once and keeps exists now. */
async function settled(
  place: AgentPlace,
  pid: number,
  { containerId, netns }: Member,
): Promise<{ readonly inventory: NodeInventory; readonly files: readonly string[] }> {
  const call = { containerId, netns };
  assertAllWorked([
    await cniBeside(place, { verb: 'ADD', ...call }),
    await cniBeside(place, { verb: 'DEL', ...call }),
  ]);
  await eventuallyPasses(() =>
    assert.doesNotMatch(runIn(place.namespace, 'ip', '-o', 'link'), /: hd/),
  );
  return { inventory: nodeInventory(place), files: await idleDescriptors(pid) };
}

/** ADD and DEL of one new container after the other; resolves with the plugin's output if one failed. */
function cycle(place: AgentPlace, { containerId, netns }: Member, times: number): Promise<string> {
  const { env, input, program } = execution(place, { verb: 'ADD', containerId, netns });
  // By a shell, whose fork costs a tenth of this process's.
  const script = `
    for cycle in $(seq ${times}); do
      export CNI_CONTAINERID="${containerId}-$cycle"
      for CNI_COMMAND in ADD DEL; do
        export CNI_COMMAND
        said=$(printf %s "$INPUT" | "$PROGRAM") || echo "$CNI_CONTAINERID $CNI_COMMAND $said"
      done
    done`;
  const more = { ...env, INPUT: input, PROGRAM: program, PATH: process.env['PATH'] };
  const child = spawn('sh', ['-c', script], { env: more, stdio: ['ignore', 'pipe', 'inherit'] });
  return text(child.stdout);
}

/** After the connections of the last requests are closed. */
async function idleDescriptors(pid: number): Promise<readonly string[]> {
  let files = descriptors(pid);
  for (let same = 0; same < 5; ) {
    await setTimeout(20);
    const now = descriptors(pid);
    same = now.length === files.length ? same + 1 : 0;
    files = now;
  }
  return files;
}

rootTest(`${cycles} cycles of ADD and DEL leave nothing`, async (context) => {
  const place = agentPlace(context, settings);
  const { pid = 0 } = (await startAgent(context, place)).process;
  const lanes = members(context, 4);
  const [first] = lanes;
  const before = await settled(place, pid, first ?? assert.fail());
  const began = performance.now();
  const said = await Promise.all(
    lanes.map((member) => cycle(place, member, cycles / lanes.length)),
  );
  context.diagnostic(`${cycles} cycles took ${Math.round(performance.now() - began)} ms`);
  assert.deepEqual(
    said,
    lanes.map(() => ''),
  );
  await assertLeft(place, before, pid);
});

rootTest(
  `${atOnce} concurrent ADDs get different addresses, and ${atOnce} DELs leave nothing`,
  async (context) => {
    const place = agentPlace(context, settings);
    const { pid = 0 } = (await startAgent(context, place)).process;
    const pods = members(context, atOnce);
    const before = await settled(place, pid, pods[0] ?? assert.fail());
    const ends = await Promise.all(pods.map((pod) => cniBeside(place, { verb: 'ADD', ...pod })));
    assertAllWorked(ends);
    assert.equal(new Set(addressesOf(ends)).size, 2 * atOnce);
    const { maps, links, routes, neighbours } = nodeInventory(place);
    assert.equal(maps['endpoints']?.length, atOnce);
    assert.equal(
      maps['addresses']?.length,
      (before.inventory.maps['addresses']?.length ?? 0) + 2 * atOnce,
    );
    assert.equal(links.length, before.inventory.links.length + atOnce);
    // Two in the main table, and the one to ff00::/8 that the kernel gives every interface.
    assert.equal(routes.length, before.inventory.routes.length + 3 * atOnce);
    assert.equal(neighbours.length, before.inventory.neighbours.length + 2 * atOnce);
    assertAllWorked(
      await Promise.all(pods.map((pod) => cniBeside(place, { verb: 'DEL', ...pod }))),
    );
    await assertLeft(place, before, pid);
  },
);

for (const begun of [1, 25]) {
  rootTest(
    `an agent killed after beginning ${begun} of ${atOnce} concurrent ADDs assigns nothing twice and leaves nothing`,
    async (context) => {
      const place = agentPlace(context, settings);
      const agent = await startAgent(context, place);
      const pods = members(context, atOnce);
      const before = await settled(place, agent.process.pid ?? 0, pods[0] ?? assert.fail());
      const records = path.join(place.stateDir, 'endpoints');
      const added = Promise.all(
        pods.map(async (pod) => ({ pod, end: await cniBeside(place, { verb: 'ADD', ...pod }) })),
      );
      // Many answers arrive together.
      while (readdirSync(records).length < begun) await setTimeout(1);
      agent.process.kill('SIGKILL');
      const ends = await added;
      const failed = ends.filter(({ end }) => end.exitCode !== 0);
      assert.ok(failed.length > 0, 'it was killed in the middle');
      assert.deepEqual(new Set(failed.map(({ end }) => end.answer?.code)), new Set([11]));

      const again = await startAgent(context, place);
      const results = new Map(ends.map(({ pod, end }) => [pod, end]));
      const { endpoints } = await status(place);
      assert.ok(
        endpoints >= atOnce - failed.length,
        `${failed.length} failed, ${endpoints} are there`,
      );
      // A runtime does the same after a failed ADD.
      await Promise.all(
        failed.map(async ({ pod }) => {
          assertAllWorked([await cniBeside(place, { verb: 'DEL', ...pod })]);
          results.set(pod, await cniBeside(place, { verb: 'ADD', ...pod }));
        }),
      );
      assertAllWorked([...results.values()]);
      assert.equal(new Set(addressesOf([...results.values()])).size, 2 * atOnce);
      const checks = Array.from(results, ([pod, { answer }]) =>
        cniBeside(place, { verb: 'CHECK', ...pod, more: { prevResult: answer } }),
      );
      assertAllWorked(await Promise.all(checks));
      assertAllWorked(
        await Promise.all(pods.map((pod) => cniBeside(place, { verb: 'DEL', ...pod }))),
      );
      await assertLeft(place, before, again.process.pid ?? 0);
    },
  );
}

// A pod's namespace is deleted without a DEL: everything that leads to the pod is removed at once, its address stays
// reserved until the runtime's DEL, and then nothing is left.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  agentPlace,
  cniBeside,
  eventuallyPasses,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { spawnIn } from '../support/namespaces.ts';
import { type NodeInventory, nodeInventory } from '../support/node-inventory.ts';
import { rootTest } from '../support/root-test.ts';

for (const mode of ['native', 'vxlan']) {
  rootTest(
    `a pod whose namespace is deleted under traffic (${mode}) leaves nothing`,
    async (context) => {
      const place = agentPlace(context, `mode: ${mode}\nipam: { cooldownMs: 0 }\n`);
      await startAgent(context, place);
      const before = nodeInventory(place);
      const stays = podNamespace(context);
      await cniBeside(place, { verb: 'ADD', containerId: 'stays', netns: stays.path });
      const alone = nodeInventory(place);
      const goes = podNamespace(context);
      const call = { containerId: 'goes', netns: goes.path };
      const { answer } = await cniBeside(place, { verb: 'ADD', ...call });
      const address = answer?.ips?.[0]?.address ?? assert.fail();
      const target = address.split('/')[0] ?? '';
      const pinging = spawnIn(stays.namespace, 'busybox', ['ping', '-i', '0.005', target]);
      await once(pinging.stdout ?? assert.fail(), 'data');

      goes.end();
      await eventuallyPasses(async () => {
        const { endpoints, health } = await status(place);
        assert.equal(endpoints, 1);
        assert.match(health.reasons.join(), new RegExp(`is missing; it keeps ${target} and`));
      });
      pinging.kill();
      await eventuallyPasses(() => {
        const now = nodeInventory(place);
        assert.deepEqual([now.links, now.routes], [alone.links, alone.routes]);
        assert.deepEqual(now.neighbours, alone.neighbours);
        for (const map of ['endpoints', 'addresses', 'routes']) {
          assert.deepEqual(now.maps[map], alone.maps[map], map);
        }
      });
      const next = podNamespace(context);
      const other = await cniBeside(place, { verb: 'ADD', containerId: 'next', netns: next.path });
      assert.notEqual(other.answer?.ips?.[0]?.address, address);

      assert.equal((await cniBeside(place, { verb: 'DEL', ...call })).exitCode, 0);
      for (const [containerId, { path: netns }] of [
        ['stays', stays],
        ['next', next],
      ] as const) {
        assert.equal((await cniBeside(place, { verb: 'DEL', containerId, netns })).exitCode, 0);
      }
      await eventuallyPasses(async () => {
        assert.deepEqual(lasting(nodeInventory(place)), lasting(before));
        assert.deepEqual((await status(place)).health, {
          state: 'healthy',
          reasons: [],
          problems: [],
        });
      });
    },
  );
}

/** Without flows, which live as long as the flow table remembers them, and counters, which the next in their slot clears. */
function lasting({ maps, ...rest }: NodeInventory): object {
  const { endpoints, addresses, routes } = maps;
  return { ...rest, endpoints, entries: addresses, prefixes: routes };
}

// Two agents start for one node at the same moment: one serves, the other names it and has changed nothing.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import {
  agentPlace,
  cni,
  eventuallyPasses,
  get,
  launchAgent,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { nodeInventory } from '../support/node-inventory.ts';
import { rootTest } from '../support/root-test.ts';

rootTest(
  'if two agents are started simultaneously, exactly one serves, ten times in a row',
  async (context) => {
    const place = agentPlace(context);
    const pod = podNamespace(context);
    let inventory: object | undefined;
    for (let run = 0; run < 10; run++) {
      const both = [launchAgent(context, place), launchAgent(context, place)];
      const loser = await Promise.race(
        both.map(async (agent) => {
          assert.equal(await agent.ended, 1, agent.text());
          return agent;
        }),
      );
      const winner = both.find((agent) => agent !== loser) ?? assert.fail();
      const told = `is in use by another heddle agent (pid ${winner.process.pid})`;
      assert.ok(loser.text().includes(told), loser.text());
      await eventuallyPasses(
        async () => assert.equal((await get(place, '/readyz')).status, 200),
        20_000,
      );
      const { pid, health } = await status(place);
      assert.deepEqual([pid, health.state], [winner.process.pid, 'healthy']);
      if (run === 0) cni(place, { verb: 'ADD', containerId: 'pod', netns: pod.path });
      inventory ??= nodeInventory(place);
      assert.deepEqual(nodeInventory(place), inventory);
      winner.process.kill('SIGKILL');
      await winner.ended;
    }
  },
);

for (const { what, own, told } of [
  {
    what: 'another state directory does not touch the pins of the first',
    own: ['stateDir', 'socket'],
    told: /pinDir: \S+ is in use by another heddle agent/,
  },
  {
    what: 'nothing of the first but its network namespace does not touch that',
    own: ['stateDir', 'socket', 'pinDir'],
    told: /network namespace: is in use by another heddle agent/,
  },
]) {
  rootTest(`an agent with ${what}`, async (context) => {
    const place = agentPlace(context);
    await startAgent(context, place);
    const inventory = nodeInventory(place);
    const config = `${place.config}.other`;
    const text = fs.readFileSync(place.config, 'utf8');
    const keys = new RegExp(`^(${own.join('|')}): (.*)$`, 'gm');
    fs.writeFileSync(config, text.replaceAll(keys, '$1: $2-other'));
    context.after(() => fs.rmSync(`${place.pinDir}-other`, { recursive: true, force: true }));
    const second = launchAgent(context, { ...place, config });
    assert.equal(await second.ended, 1, second.text());
    assert.match(second.text(), told);
    assert.deepEqual(nodeInventory(place), inventory);
  });
}

// Random clusters, one after the other, with restarts of the agent in between: what the kernel's tables give each client
// must be what an oracle says. Both the oracle and the reader of the tables share no code with the parts under test.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMapCalls } from '../../../test/support/fake-bpf.ts';
import { followWorld } from '../../../test/support/follow-world.ts';
import {
  type MapSizesWanted,
  ServiceNode,
  serviceMaps,
} from '../../../test/support/planned-services.ts';
import { type Random, seededRandom } from '../../../test/support/random.ts';
import {
  changedWorld,
  randomQuestion,
  randomWorld,
} from '../../../test/support/random-services.ts';
import type { RawNode } from '../../../test/support/raw-services.ts';
import { type ServiceWorld, serviceOracle } from '../../../test/support/service-oracle.ts';
import { readAnswer } from '../../../test/support/service-reader.ts';
import type { ServicePlanOptions } from '../../model/services/plan/plan.ts';
import { ServicesModel } from '../../model/services/services.ts';
import type { Address } from '../../net/address.ts';

const worlds = Number(process.env['HEDDLE_SERVICE_WORLDS'] ?? 100);
const questionsEach = 30;
const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);

interface Run {
  readonly random: Random;
  readonly node: ServiceNode;
  model: ServicesModel;
  world: ServiceWorld;
  nodeAddresses: readonly Address[];
}

function begin(sizes: MapSizesWanted, options: Partial<ServicePlanOptions> = {}): Run {
  const random = seededRandom(seed);
  return {
    random,
    node: new ServiceNode(
      serviceMaps(
        { frontends: 500, slots: 2_000, sourceRanges: 500, ...sizes },
        new FakeMapCalls(),
      ),
      options,
    ),
    model: new ServicesModel('n1'),
    world: randomWorld(random),
    nodeAddresses: [],
  };
}

function next(run: Run): void {
  const { random, world } = run;
  const changed = random.oneIn(4) ? randomWorld(random) : changedWorld(random, world);
  // The addresses of another node are no one's when it is gone.
  const isKept = ({ metadata: { name } }: RawNode): boolean => name === 'n1' || !random.oneIn(4);
  run.world = { ...changed, nodes: changed.nodes.filter(isKept) };
  run.node.nowMs += 1_000 * random.below(60);
}

function follow(run: Run): void {
  const { tables, context } = followWorld(run.model, run.world);
  run.nodeAddresses = context.nodePortAddresses;
  run.node.follow(tables, context);
}

function restart(run: Run): void {
  run.model = new ServicesModel('n1');
  run.node.restart();
  follow(run);
}

/** Entries refer to each other, and the backends of every list can be found by their numbers. */
function assertConsistent({ node: { maps, desired } }: Run): void {
  const known = (list: number): readonly (readonly [number, string])[] =>
    [...maps.slots.entries()]
      .filter(([key]) => key.list === list)
      .map(([{ index }, { backend, address, port }]) => {
        const found = desired.backends.get(String(backend));
        assert.equal(
          `${found?.address} ${found?.port}`,
          `${address} ${port}`,
          `backend ${backend}`,
        );
        return [index, address];
      });
  for (const [key, entry] of maps.frontends.entries()) {
    assert.deepEqual(entry.key, key);
    for (const { kind, list, count } of [entry.inside, entry.outside])
      if (kind === 1) assert.equal(known(list).length, count, JSON.stringify(entry));
  }
}

test('in random clusters the tables give every client what the oracle permits', async (context) => {
  context.diagnostic(`HEDDLE_SEED=${seed}`);
  const run = begin({});
  for (let round = 0; round < worlds; round++) {
    next(run);
    follow(run);
    const { failures } = await run.node.settle({ relist: run.random.oneIn(3) });
    assert.deepEqual(failures, []);
    assertConsistent(run);
    const { frontends, slots, sourceRanges } = run.node.maps;
    const before = [frontends.count(), slots.count(), sourceRanges.count()];
    if (run.random.oneIn(4)) {
      restart(run);
      const { writes } = await run.node.settle();
      assert.deepEqual(writes, { set: 0, deleted: 0, restored: 0 }, `round ${round}`);
    }
    const lists = run.node.desired.lists.values();
    const inLists = lists.reduce((sum, { backends }) => sum + backends.length, 0);
    assert.deepEqual(before.slice(0, 2), [run.node.desired.frontends.size, inLists]);
    for (let index = 0; index < questionsEach; index++) {
      const question = randomQuestion(run.random, run.world);
      const { answer } = readAnswer(run.node.maps, run.nodeAddresses, question);
      const where = `HEDDLE_SEED=${seed}, cluster ${round}: ${JSON.stringify(question)}`;
      assert.deepEqual(answer, serviceOracle(run.world, question), where);
    }
  }
});

async function assertFullMaps(
  options: Partial<ServicePlanOptions>,
  context: { diagnostic(text: string): void },
): Promise<void> {
  context.diagnostic(`HEDDLE_SEED=${seed}`);
  const run = begin({ frontends: 24, slots: 7, sourceRanges: 4 }, options);
  const refused = new Map<string, number>();
  for (let round = 0; round < worlds; round++) {
    next(run);
    if (run.random.oneIn(5)) restart(run);
    else follow(run);
    const { failures } = await run.node.settle({ relist: run.random.oneIn(3) });
    for (const { text } of failures) {
      const found = /services\.\w+Entries|are not written|still refers to it/.exec(text)?.[0];
      assert.ok(found !== undefined, text);
      refused.set(found, (refused.get(found) ?? 0) + 1);
    }
    assertConsistent(run);
  }
  context.diagnostic(JSON.stringify(Object.fromEntries(refused)));
  run.world = { ...run.world, services: [] };
  for (let round = 0; round < 4; round++) {
    run.node.nowMs += 60_000;
    follow(run);
    await run.node.settle();
  }
  const { frontends, slots, sourceRanges } = run.node.maps;
  assert.deepEqual([frontends.count(), slots.count(), sourceRanges.count()], [0, 0, 0]);
  assert.equal(run.node.desired.backends.size, 0);
}

test('full maps leave every frontend with all its backends, until there is room for the next', (context) =>
  assertFullMaps({}, context));

test('so do full maps whose slots the plan knows', (context) =>
  assertFullMaps({ slotLimits: { slots: 7, perPort: 65_535 } }, context));

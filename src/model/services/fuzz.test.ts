// Random clusters: for every client and destination the model must say what an oracle says that was written from the
// Kubernetes documentation, and that starts from the API's objects instead of ours. One model follows all clusters, so
// that its incremental state is tested as well.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followWorld } from '../../../test/support/follow-world.ts';
import { seededRandom } from '../../../test/support/random.ts';
import {
  changedWorld,
  randomQuestion,
  randomWorld,
} from '../../../test/support/random-services.ts';
import {
  type ServiceAnswer,
  type ServiceQuestion,
  type ServiceWorld,
  serviceOracle,
} from '../../../test/support/service-oracle.ts';
import { parseAddress } from '../../net/address.ts';
import { parsePort } from '../../net/port.ts';
import { type Resolution, resolve } from './resolve.ts';
import { ServicesModel } from './services.ts';

const worlds = Number(process.env['HEDDLE_SERVICE_WORLDS'] ?? 200);
const questionsEach = 40;

function ask(model: ServicesModel, world: ServiceWorld): (question: ServiceQuestion) => Resolution {
  const { tables, context } = followWorld(model, world);
  return ({ from, source, address, port, protocol }) =>
    resolve(tables, context, {
      client: { kind: from, address: parseAddress(source) },
      to: { address: parseAddress(address), port: parsePort(port), protocol },
    });
}

function answerOf(resolution: Resolution): ServiceAnswer {
  switch (resolution.kind) {
    case 'no-service':
      return 'not a service';
    case 'no-port':
      return 'refuse';
    case 'excluded':
      return 'drop';
    case 'service': {
      const { selection } = resolution;
      if (selection.kind !== 'backends') return selection.kind;
      return selection.backends.map(({ address, port }) => `${address} ${port}`).sort();
    }
  }
}

const outcomes = [
  ...['no-service', 'no-port', 'excluded', 'refuse', 'drop'],
  ...['all', 'node-hint', 'zone-hint', 'serving', 'local', 'local-serving'].flatMap((rule) =>
    rule.startsWith('local') ? [`${rule} local`] : [`${rule} cluster`, `${rule} short-circuit`],
  ),
];

function outcomeOf(resolution: Resolution): string {
  if (resolution.kind !== 'service') return resolution.kind;
  const { selection, policy } = resolution;
  return selection.kind === 'backends' ? `${selection.rule} ${policy}` : selection.kind;
}

/** Returns how often each outcome was met. */
function compare(seed: number, worlds: number): ReadonlyMap<string, number> {
  const random = seededRandom(seed);
  const model = new ServicesModel('n1');
  const counts = new Map<string, number>();
  let world = randomWorld(random);
  for (let round = 0; round < worlds; round++) {
    world = random.oneIn(4) ? randomWorld(random) : changedWorld(random, world);
    const answer = ask(model, world);
    for (let index = 0; index < questionsEach; index++) {
      const question = randomQuestion(random, world);
      const resolution = answer(question);
      try {
        assert.deepEqual(answerOf(resolution), serviceOracle(world, question));
      } catch (cause) {
        const where = `HEDDLE_SEED=${seed}, cluster ${round}: ${JSON.stringify(question)}`;
        throw new Error(`${where}\n${JSON.stringify(world)}`, { cause });
      }
      const outcome = outcomeOf(resolution);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
  }
  return counts;
}

test('in random clusters every client gets what the oracle permits', (context) => {
  const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
  context.diagnostic(`HEDDLE_SEED=${seed}`);
  context.diagnostic(JSON.stringify(Object.fromEntries(compare(seed, worlds))));
});

test('the random clusters of one seed meet every rule', () => {
  const counts = compare(14, 150);
  for (const outcome of outcomes) assert.ok((counts.get(outcome) ?? 0) > 5, outcome);
});

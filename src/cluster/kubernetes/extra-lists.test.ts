import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedNodes } from '../../../test/support/simulated-nodes.ts';
import { apiTimes } from './client/api-times.ts';
import { NextLook } from './next-look.ts';

const range = '10.0.1.0/24';
const otherRange = '10.0.2.0/24';
const address = '192.0.2.1';
const hours = 6;
// Twelve regular ones, the same number that these earn, and six saved ones.
const mostLists = 1 + 12 + 12 + 6;

const rows: readonly {
  readonly what: string;
  /** Called every five seconds. */
  readonly act: (nodes: SimulatedNodes, minute: number) => void;
}[] = [
  { what: 'that nothing happens to', act: () => undefined },
  {
    what: 'that loses its addresses every 9 minutes and has them again a minute later',
    act: (nodes, minute) => {
      if (minute % 9 === 0) nodes.put('a', range, []);
      if (minute % 9 === 1) nodes.put('a', range, [address]);
    },
  },
  {
    what: 'that has no addresses but for a minute in nine',
    act: (nodes, minute) => {
      if (minute % 9 === 0) nodes.put('a', range, [address]);
      if (minute % 9 === 1) nodes.put('a', range, []);
    },
  },
  {
    what: 'that has another pod range every minute',
    act: (nodes, minute) => nodes.put('a', minute % 2 < 1 ? range : otherRange, [address]),
  },
  {
    what: 'that has another pod range every other minute',
    act: (nodes, minute) => nodes.put('a', minute % 4 < 2 ? range : otherRange, [address]),
  },
  {
    what: 'that watches report and lists lack',
    act: (nodes) => {
      nodes.put('b', otherRange, [address]);
      nodes.deleteSilently('b');
    },
  },
];

for (const { what, act } of rows)
  test(`a Node ${what} costs at most ${mostLists} lists in ${hours} hours`, async (context) => {
    const nodes = new SimulatedNodes(context);
    nodes.put('a', range, [address]);
    nodes.put('c', '10.0.3.0/24', ['192.0.2.3']);
    await nodes.pass(60);
    for (let step = 0; step < hours * 720; step++) {
      act(nodes, step / 12);
      await nodes.pass(5, 5);
    }
    assert.ok(nodes.lists >= hours, `${nodes.lists} lists`);
    assert.ok(nodes.lists <= mostLists, `${nodes.lists} lists`);
  });

async function used(nodes: SimulatedNodes): Promise<void> {
  nodes.put('a', range, [address]);
  nodes.put('c', '10.0.3.0/24', ['192.0.2.3']);
  await nodes.pass(60);
  for (let minute = 0; minute < 40; minute++) {
    nodes.put('c', minute % 2 === 0 ? '10.0.4.0/24' : '10.0.3.0/24', ['192.0.2.3']);
    await nodes.pass(60);
  }
  nodes.put('c', '10.0.3.0/24', ['192.0.2.3']);
}

test('a loss is accepted after ten minutes', async (context) => {
  const nodes = new SimulatedNodes(context);
  nodes.put('a', range, [address]);
  await nodes.pass(60);
  nodes.put('a', range, [], true);
  await nodes.pass(31 * 60 - nodes.seconds);
  assert.deepEqual(nodes.addresses('a'), [address]);
  await nodes.pass(10 * 60);
  assert.deepEqual(nodes.addresses('a'), []);
  assert.ok(nodes.lists <= 9, `${nodes.lists} lists`);
});

test('a changed value is accepted after three lists, which its watch triggers', async (context) => {
  const nodes = new SimulatedNodes(context);
  nodes.put('a', range, [address]);
  await nodes.pass(60);
  nodes.put('a', otherRange, [address]);
  await nodes.pass(4);
  assert.deepEqual(nodes.ranges('a'), [range]);
  await nodes.pass(20);
  assert.deepEqual(nodes.ranges('a'), [otherRange]);
});

test('when no extra lists are left, this is reported, and regular lists confirm the truth', async (context) => {
  const nodes = new SimulatedNodes(context);
  await used(nodes);
  nodes.put('a', range, []);
  const { lists } = nodes;
  await nodes.pass(12 * 60);
  nodes.put('c', '10.0.4.0/24', ['192.0.2.3']);
  await nodes.pass(60);
  assert.equal(nodes.lists, lists);
  assert.match(nodes.state.postponed?.text ?? '', /^nodes: /);
  assert.deepEqual(nodes.addresses('a'), [address]);
  await nodes.pass(31 * 60);
  assert.deepEqual(nodes.addresses('a'), []);
  await nodes.pass(61 * 60);
  assert.deepEqual(nodes.ranges('c'), ['10.0.4.0/24']);
  assert.equal(nodes.state.postponed, undefined);
});

const look = { isDoubtful: false, isContradictory: false, isUnconfirmed: false };
const kinds: readonly {
  readonly what: string;
  readonly list: typeof look;
  readonly most: number;
}[] = [
  { what: 'well', list: look, most: 5 },
  { what: 'contradictory', list: { ...look, isContradictory: true }, most: 16 },
  { what: 'unconfirmed', list: { ...look, isUnconfirmed: true }, most: 16 },
  { what: 'doubtful', list: { ...look, isDoubtful: true }, most: 56 },
];

for (const { what, list, most } of kinds)
  test(`5,000 objects are listed at most ${most} times in ${hours} hours if each list is ${what}`, (context) => {
    let now = 0;
    context.mock.method(performance, 'now', () => now);
    const next = new NextLook(apiTimes, () => 0);
    let lists = 0;
    for (; now < hours * 3_600_000; now += next.leftMs) {
      next.listed({ ...list, objects: 5_000 });
      lists++;
    }
    assert.ok(lists >= 5 && lists <= most, `${lists} lists`);
  });

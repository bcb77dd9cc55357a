// Lists of backends that are replaced ten thousand times while processes connect and send.

import assert from 'node:assert/strict';
import { rootTest } from '../support/root-test.ts';
import {
  answerOf,
  backends,
  clusterAddress,
  protocolNumbers,
  type SocketMaps,
  serviceNode,
  setFrontend,
  setList,
} from '../support/service-node.ts';
import type { OutcomeCounts } from '../support/socket-caller.ts';

const turns = 10_000;
const cluster = { address: clusterAddress[4], port: 80 };
const other = { address: clusterAddress[4], port: 82 };
const names = backends[4].map(answerOf);

/**
 * Replaces the lists of two Services as the agent does: new slots, then the frontends, then the old slots are deleted.
 * The other Service has another backend, and takes over the map elements that the first one had.
 */
function replaceLists(tables: SocketMaps, turn: number, numbers: readonly number[]): void {
  const [own, others] = [2 * turn + 1, 2 * turn + 2];
  const [choice, otherChoice] = [setList(tables, own, numbers), setList(tables, others, [3])];
  for (const protocol of Object.keys(protocolNumbers) as (keyof typeof protocolNumbers)[]) {
    setFrontend(tables, { ...cluster, protocol }, choice);
    setFrontend(tables, { ...other, protocol }, otherChoice);
  }
  for (const list of [own - 2, others - 2]) {
    for (const index of [0, 1]) tables.slots.delete({ list, index });
  }
}

/** What the callers count while all turns pass, one after the other. */
async function countedMeanwhile(
  tables: SocketMaps,
  numbersOf: (turn: number) => readonly number[],
  calls: readonly (() => Promise<OutcomeCounts>)[],
): Promise<readonly OutcomeCounts[]> {
  replaceLists(tables, 0, numbersOf(0));
  let isDone = false;
  const counts = calls.map(async (call) => {
    const total: Record<string, number> = {};
    while (!isDone) {
      for (const [name, count] of Object.entries(await call())) {
        total[name] = (total[name] ?? 0) + count;
      }
    }
    return total;
  });
  for (let turn = 1; turn <= turns; turn++) {
    replaceLists(tables, turn, numbersOf(turn));
    // An odd number, so that each of two alternating lists is in force during some of the pauses.
    if (turn % 15 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  isDone = true;
  return Promise.all(counts);
}

function sum(counts: OutcomeCounts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

const anyTime = { forMs: 200, most: 10_000 };

rootTest('connections and datagrams reach one of the backends', async (context) => {
  const { node, pod, startNodeProcess, tables } = await serviceNode(context);
  const sender = await startNodeProcess();
  const counts = await countedMeanwhile(tables, (turn) => [(turn % 2) + 1], [
    () => node.connectRepeatedly(cluster, anyTime),
    () => pod.connectRepeatedly(cluster, anyTime),
    () => sender.askRepeatedly(cluster, anyTime),
  ]);
  for (const outcomes of counts) {
    const answered = new Set(Object.keys(outcomes).flatMap((outcome) => outcome.split(' > ')));
    assert.deepEqual([...answered].sort(), names.slice(0, 2));
    assert.ok(sum(outcomes) > 500, `only ${sum(outcomes)} calls`);
  }
});

rootTest('a socket keeps a backend that every list has', async (context) => {
  const { node, tables } = await serviceNode(context);
  // Each has backend 2 at another place than one before.
  const numbersOf = (turn: number): readonly number[] => [[1, 2], [2, 3], [2]][turn % 3] ?? [];
  const [counts = {}] = await countedMeanwhile(tables, numbersOf, [
    () => node.askRepeatedly(cluster, anyTime),
  ]);
  const moves = Object.keys(counts).filter((outcome) => outcome.startsWith(`${names[1]} >`));
  assert.deepEqual(moves, []);
  assert.ok(sum(counts) > 500, `only ${sum(counts)} datagrams`);
});

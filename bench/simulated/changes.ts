// A program of its own, so that its work is nobody else's: writes 100 pod changes a second until its input ends, and
// prints ten times a second how many were acknowledged so far.   changes.js URL FOLDER
//
// In turn a pod gets another address, is deleted, is made anew and gets its address, as in a rollout.

import { type ApiWrite, ApiWriter } from './api-writer.ts';
import { podCount, podManifest, podPlace, podStatus } from './population.ts';

const changesPerSecond = 100;
// Limits the requests in flight if the API server is too slow; the count shows it.
const mostAtOnce = 50;
const [url = '', folder = ''] = process.argv.slice(2);

// Repeats no pod within a hundred seconds.
function* changes(): Generator<readonly ApiWrite[]> {
  for (let round = 0; ; round++) {
    const kept = (2 * round) % podCount;
    const replaced = (2 * round + 1) % podCount;
    const generation = 1 + Math.floor((2 * round) / podCount);
    const { namespace, name } = podPlace(replaced, generation - 1);
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const successor = `${pods}/${podPlace(replaced, generation).name}`;
    yield [
      {
        method: 'PATCH',
        path: `${pathOf(kept)}/status`,
        body: { status: podStatus(kept, generation % 2 === 0 ? 0 : 1) },
      },
    ];
    yield [
      { method: 'DELETE', path: `${pods}/${name}?gracePeriodSeconds=0` },
      { method: 'POST', path: pods, body: podManifest(replaced, generation) },
      { method: 'PATCH', path: `${successor}/status`, body: { status: podStatus(replaced) } },
    ];
  }
}

function pathOf(index: number): string {
  const { namespace, name } = podPlace(index);
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

using writer = new ApiWriter(url, folder, 8);
let started = 0;
let acknowledged = 0;
let isOver = false;
process.stdin.once('end', () => {
  isOver = true;
});
process.stdin.resume();
const told = setInterval(() => process.stdout.write(`${acknowledged}\n`), 100);
const began = performance.now();
const running = new Set<Promise<void>>();
for (const inOrder of changes()) {
  if (isOver) break;
  const dueMs = began + (1000 * started) / changesPerSecond;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
  while (running.size >= mostAtOnce) await Promise.race(running);
  started += inOrder.length;
  const written = writeInOrder(inOrder);
  running.add(written);
  void written.finally(() => running.delete(written));
}
await Promise.all(running);
clearInterval(told);

async function writeInOrder(writes: readonly ApiWrite[]): Promise<void> {
  for (const write of writes) {
    await writer.write(write);
    acknowledged++;
  }
}

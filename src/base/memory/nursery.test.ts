import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { openMetricsPort } from '../../agent/server/metrics-port.ts';
import { growNursery } from './nursery.ts';
import './small-heap.ts';

function nurseryBytes(): number {
  const found = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  return found?.space_size ?? 0;
}

// As when pages of a large list are read: each exists for a while.
async function readPages(count: number): Promise<void> {
  const pages: unknown[] = [];
  for (let page = 0; page < count; page++) {
    const items = Array.from({ length: 3_000 }, (_, index) => ({ index, name: `pod-${index}` }));
    pages.push(JSON.parse(JSON.stringify(items)));
    if (pages.length > 20) pages.length = 0;
    await setImmediate();
  }
}

test('importing the agent leaves the nursery small', () => {
  const program = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  const report = `
    import { getHeapSpaceStatistics } from 'node:v8';
    process.on('exit', () => {
      const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
      console.error(space_size);
    });`;
  const flags = ['--import', `data:text/javascript,${encodeURIComponent(report)}`];
  const { stderr } = spawnSync(process.execPath, [...flags, program, 'agent', '--help'], {
    encoding: 'utf8',
  });
  assert.match(stderr, /^\d+\n$/);
  assert.ok(Number(stderr) <= 2 << 20, `${stderr} bytes`);
});

test('the thread that serves metrics leaves the nursery as small as it is', async (context) => {
  const metrics = (): Promise<never> => Promise.reject(new Error('nobody asks'));
  const { close } = await openMetricsPort('127.0.0.1:0', metrics);
  context.after(close);
  await readPages(120);
  assert.ok(nurseryBytes() <= 2 << 20, `${nurseryBytes()} bytes`);
});

test('the nursery grows during large reads to about four megabytes per half', async () => {
  setFlagsFromString('--semi-space-growth-factor=1');
  await readPages(60);
  assert.ok(nurseryBytes() <= 2 << 20, `${nurseryBytes()} bytes by itself`);
  const end = growNursery();
  await readPages(120);
  assert.ok(nurseryBytes() >= 8 << 20, `${nurseryBytes()} bytes`);
  const grown = nurseryBytes();
  await readPages(120);
  assert.equal(nurseryBytes(), grown, 'large enough, it stays');
  assert.ok(grown <= 16 << 20, `${grown} bytes`);
  end();
});

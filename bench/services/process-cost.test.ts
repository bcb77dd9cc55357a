import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { exitOf } from '../../src/lab/spawn.ts';
import { commandsOf, PeakMemory, processorSeconds, residentMegabytes } from './process-cost.ts';

test('processor time includes that of commands that have ended', () => {
  const before = processorSeconds(process.pid);
  const burn = 'const end = process.cpuUsage().user + 3e5; while (process.cpuUsage().user < end);';
  spawnSync(process.execPath, ['-e', burn]);
  const spent = processorSeconds(process.pid) - before;
  assert.ok(spent >= 0.29, `${spent} s`);
});

test('peak memory includes that of commands, also after they have ended', async () => {
  const child = spawn('sleep', ['60']);
  assert.ok(child.pid !== undefined && commandsOf(process.pid).includes(child.pid));
  using peak = new PeakMemory(process.pid);
  const own = residentMegabytes(process.pid);
  const hold = 'const held = Buffer.alloc(2e8, 1); process.stdout.write(String(held.length));';
  const large = spawn(process.execPath, ['-e', `${hold} setTimeout(() => {}, 400)`]);
  await exitOf(large, 'close');
  child.kill('SIGKILL');
  await exitOf(child);
  assert.ok(peak.megabytes > own + 190, `${peak.megabytes} MB, ${own} MB alone`);
  assert.equal(residentMegabytes(large.pid ?? 0), 0);
});

// An agent whose log accepts no lines serves like any other, and reports it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  agentPlace,
  cni,
  eventuallyPasses,
  get,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { rootTest } from '../support/root-test.ts';

rootTest('an agent whose log is on a full disk starts and serves', async (context) => {
  const place = agentPlace(context);
  const disk = mkdtempSync(join(tmpdir(), 'heddle-log-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'heddle-test', disk]);
  context.after(() => {
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });
  const [filler, logFile] = [join(disk, 'filler'), join(disk, 'log')];
  writeFileSync(filler, Buffer.alloc(16 * 1024));
  const agent = await startAgent(context, { ...place, logFile });
  const call = { containerId: 'c1', netns: podNamespace(context).path };
  assert.match(cni(place, { ...call, verb: 'ADD' }), /10\.201\.1\./);
  assert.throws(() => cni(place, { ...call, verb: 'ADD', netns: '/run/netns/none' }));
  await eventuallyPasses(async () => {
    const { reasons } = (await status(place)).health;
    assert.match(reasons.join(), /log lines are lost: ENOSPC/);
  });
  assert.match((await get(place, '/metrics')).text, /^heddle_log_lines_lost_total [1-9]/m);
  assert.equal(readFileSync(logFile, 'utf8'), '');
  rmSync(filler);
  await eventuallyPasses(async () => {
    assert.match(readFileSync(logFile, 'utf8'), /^\{.*ENOSPC.*lines of this log were lost"\}\n/);
    assert.deepEqual((await status(place)).health.reasons, []);
  });
  assert.equal(cni(place, { ...call, verb: 'DEL' }), '');
  assert.equal(await agent.end('SIGTERM'), 0);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { clusterPaths } from './paths.ts';
import { processesOf } from './remove.ts';

test('a process belongs to the cluster whose folder it names, not to one with a name of which its own is a prefix', async (context) => {
  const rough = clusterPaths('remove-test-rough');
  const child = spawn('sh', ['-c', 'echo up; read line', `${rough.directory}/etcd`]);
  context.after(() => child.kill());
  await once(child.stdout, 'data');
  assert.match(processesOf(rough).join(), new RegExp(`^${child.pid} sh [RS]$`));
  assert.deepEqual(processesOf(clusterPaths('remove-test')), []);
});

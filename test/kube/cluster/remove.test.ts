import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { clusterPaths } from './paths.ts';
import { processesOf } from './remove.ts';

test('a process is of the cluster whose folder it names, not of one whose name begins alike', async (context) => {
  const rough = clusterPaths('remove-test-rough');
  const child = spawn('sh', ['-c', 'echo up; read line', `${rough.directory}/etcd`]);
  context.after(() => child.kill());
  await once(child.stdout, 'data');
  assert.match(processesOf(rough).join(), new RegExp(`^${child.pid} sh [RS]$`));
  assert.deepEqual(processesOf(clusterPaths('remove-test')), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiConnections, healthCheckFiles, openFilesProblem, ownLimits } from './open-files.ts';

const limits = (
  soft: string,
): string => `Limit                     Soft Limit           Hard Limit           Units
Max processes             95953                95953                processes
Max open files            ${soft.padEnd(20)} 1048576              files
`;

test('too low a limit is one sentence with the number that is needed', () => {
  assert.equal(
    openFilesProblem('agent', limits('100')),
    'this process may open 100 files (RLIMIT_NOFILE), but needs 512: raise the limit (LimitNOFILE= of a systemd service, `ulimit -n` in a shell)',
  );
  assert.match(openFilesProblem('status', limits('30')) ?? '', /may open 30 .* needs 192/);
  assert.match(openFilesProblem(undefined, limits('30')) ?? '', /needs 192/);
  assert.equal(openFilesProblem('agent', limits('512')), undefined);
  assert.equal(openFilesProblem('status', limits('192')), undefined);
  assert.equal(openFilesProblem('agent', limits('unlimited')), undefined);
  assert.equal(openFilesProblem('agent'), undefined, 'here');
});

test('connections to the API leave descriptors for everything else', () => {
  assert.equal(apiConnections(limits('512')), 64);
  assert.equal(apiConnections(limits('1024')), 320);
  assert.equal(apiConnections(limits('1048576')), 1024);
  assert.equal(apiConnections(limits('unlimited')), 1024);
});

test('health check ports and their clients leave a quarter of the descriptors that sockets leave', () => {
  const cases: readonly [soft: string, ports: number, connections: number][] = [
    ['512', 32, 16],
    ['1024', 160, 80],
    ['65536', 4096, 1024],
    ['unlimited', 4096, 1024],
  ];
  for (const [soft, ports, connections] of cases) {
    assert.deepEqual(healthCheckFiles(limits(soft)), { ports, connections }, soft);
  }
});

test('a command runs without /proc', () => {
  assert.match(ownLimits(), /^Max open files/m);
  assert.equal(ownLimits('/proc/nowhere/limits'), '');
  assert.equal(openFilesProblem('version', ownLimits('/proc/nowhere/limits')), undefined);
});

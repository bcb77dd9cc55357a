import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sysctlMemory } from './sysctl-memory.ts';

test('values that the disk refused, and a deleted file, are written later', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-sysctl-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'state', 'sysctls.json');
  const name = 'net/ipv4/ip_forward';
  const memory = sysctlMemory(file);
  memory.keep();
  memory.remember(name, '0');
  assert.equal(memory.recall(name), '0');
  assert.throws(() => memory.keep(), { code: 'ENOENT' });
  mkdirSync(join(folder, 'state'));
  memory.keep();
  assert.deepEqual([...sysctlMemory(file).all()], [[name, '0']]);
  rmSync(file);
  memory.keep();
  assert.deepEqual([...sysctlMemory(file).all()], [[name, '0']]);
});

test('the first value counts, also across restarts; an invalid file is an empty memory', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-sysctl-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'sysctls.json');
  const name = 'net/ipv4/ip_forward';
  const memory = sysctlMemory(file);
  assert.equal(memory.recall(name), undefined);
  memory.remember(name, '0');
  memory.remember(name, '1');
  assert.equal(memory.recall(name), '0');
  assert.deepEqual([...sysctlMemory(file).all()], [[name, '0']]);
  writeFileSync(file, '{ broken');
  assert.deepEqual([...sysctlMemory(file).all()], []);
});

test('a file outside network parameters is not treated as a parameter', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-sysctl-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'sysctls.json');
  const names = ['../../tmp/file', 'net/../../../tmp/file', 'net/ipv4/..', '/tmp/file', 'kernel/x'];
  const good = ['net/ipv4/ip_forward', 'net/ipv4/conf/a..b/forwarding'];
  const values = Object.fromEntries([...names, ...good].map((name) => [name, '0']));
  writeFileSync(file, JSON.stringify(values));
  assert.deepEqual([...sysctlMemory(file).all().keys()], good);
});

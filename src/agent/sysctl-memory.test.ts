import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
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

test('values of another boot or network namespace are not restored', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-sysctl-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'sysctls.json');
  const name = 'net/ipv4/ip_forward';
  const boots = ['first', 'second'].map((id) => ({ id, sinceMs: 0 }));
  const values = (boot = boots[0]): readonly unknown[] => [...sysctlMemory(file, boot).all()];
  sysctlMemory(file, boots[0]).remember(name, '0');
  assert.deepEqual(values(), [[name, '0']]);
  const second = sysctlMemory(file, boots[1]);
  assert.deepEqual([...second.all()], []);
  second.keep();
  second.remember('net/ipv4/conf/eth0/forwarding', '0');
  assert.deepEqual(values(boots[1]), [['net/ipv4/conf/eth0/forwarding', '0']]);
  assert.deepEqual(values(boots[0]), []);
  second.forget('net/ipv4/conf/eth0/forwarding');
  assert.deepEqual(values(boots[1]), []);
});

test('a file without a boot, of an earlier version, counts if it was written since the boot', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-sysctl-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'sysctls.json');
  const name = 'net/ipv4/ip_forward';
  const boot = { id: 'this', sinceMs: 1_000_000 };
  for (const { writtenMs, values } of [
    { writtenMs: 1_000_001, values: [[name, '0']] },
    { writtenMs: 999_999, values: [] },
  ]) {
    writeFileSync(file, JSON.stringify({ [name]: '0' }));
    utimesSync(file, writtenMs / 1_000, writtenMs / 1_000);
    assert.deepEqual([...sysctlMemory(file, boot).all()], values);
  }
  // An earlier version reads what this one writes.
  sysctlMemory(file, boot).remember(name, '1');
  const { [name]: value } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  assert.equal(value, '1');
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSysctl, writeSysctl } from './sysctl.ts';

test('a parameter is read without its newline', () => {
  assert.equal(readSysctl('kernel/ostype'), 'Linux');
});

test('a parameter that does not exist is refused by name and not created', () => {
  assert.throws(() => readSysctl('net/ipv4/nothing'), {
    name: 'KernelError',
    message: 'sysctl read net/ipv4/nothing: ENOENT',
  });
  assert.throws(() => writeSysctl('net/ipv4/nothing', 1), {
    name: 'KernelError',
    call: 'sysctl write',
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errnoName, isKernelError, KernelError } from './errno.ts';

test('the text contains the operation, its subject and the reason', () => {
  const cases = [
    [{ call: 'open', subject: '/nowhere', code: 2 }, 'open /nowhere: ENOENT'],
    [{ call: 'bpf map create', subject: '', code: 'EPERM' }, 'bpf map create: EPERM'],
    [
      { call: 'bpf map update', subject: 'addresses', code: 7, detail: 'the map is full' },
      'bpf map update addresses: E2BIG (the map is full)',
    ],
    [{ call: 'bpf', subject: 'x', code: 524, detail: '' }, 'bpf x: ENOTSUPP'],
  ] as const;
  for (const [failure, text] of cases) assert.equal(new KernelError(failure).message, text);
});

test('errnos have the kernel’s names, unknown ones stay numbers', () => {
  const cases = [
    [11, 'EAGAIN'],
    [-95, 'EOPNOTSUPP'],
    [67, 'ENOLINK'],
    [512, 'ERESTARTSYS'],
    [3999, 'errno 3999'],
  ] as const;
  for (const [number, name] of cases) assert.equal(errnoName(number), name);
});

test('an error is identified by its class and codes', () => {
  const gone = new KernelError({ call: 'open', subject: '/nowhere', code: 'ENOENT' });
  assert.equal(isKernelError(gone), true);
  assert.equal(isKernelError(gone, 'EEXIST', 'ENOENT'), true);
  assert.equal(isKernelError(gone, 'EEXIST'), false);
  assert.equal(isKernelError(new Error('ENOENT'), 'ENOENT'), false);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupMount } from './cgroup.ts';

test('the cgroup v2 tree is found alone and next to version 1', () => {
  assert.equal(cgroupMount('cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n'), '/sys/fs/cgroup');
  const hybrid =
    'cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0';
  assert.equal(cgroupMount(hybrid), '/sys/fs/cgroup/unified');
});

test('on a machine without cgroup v2 the error tells how to mount it', () => {
  assert.throws(() => cgroupMount('proc /proc proc rw 0 0'), /mount -t cgroup2/);
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { checkHost, findCgroup2Mount, findCgroupRoot, type HostSupport } from './requirements.ts';

const mounts = `proc /proc proc rw 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0
bpf /sys/fs/bpf bpf rw 0 0
`;
const good: HostSupport = {
  release: '6.6.0',
  capabilities: 0x1ffffffffffn,
  hasBtf: true,
  mounts,
};

test('a machine that meets all requirements has nothing to report', () => {
  for (const release of ['6.6.0', '6.12.9+deb13-amd64', '7.0']) {
    assert.deepEqual(checkHost({ ...good, release }), []);
  }
});

test('each missing requirement is one sentence with its remedy', () => {
  const cases: readonly (readonly [Partial<HostSupport>, RegExp])[] = [
    [{ capabilities: 0n }, /lacks CAP_NET_ADMIN and CAP_SYS_ADMIN.*sudo/],
    [{ capabilities: 1n << 21n }, /lacks CAP_NET_ADMIN\)/],
    [{ release: '6.1.0-30-amd64' }, /Linux 6\.1\.0-30-amd64 is too old: 6\.6 or later.*backports/],
    [{ release: '5.15.0' }, /too old/],
    [{ hasBtf: false }, /CONFIG_DEBUG_INFO_BTF=y/],
    [{ mounts: mounts.replace(/^bpf.*$/m, '') }, /mount -t bpf bpf \/sys\/fs\/bpf/],
    [{ mounts: mounts.replace(/^cgroup2.*$/m, '') }, /mount -t cgroup2/],
    [{ libbpfProblem: 'libbpf cannot be loaded' }, /^libbpf cannot be loaded\.$/],
  ];
  for (const [lack, sentence] of cases) {
    const problems = checkHost({ ...good, ...lack });
    assert.equal(problems.length, 1, `${problems}`);
    assert.match(problems[0] ?? '', sentence);
  }
});

test('cgroup v2 is found at its mount point', () => {
  const hybrid =
    'cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0';
  assert.equal(findCgroup2Mount(mounts), '/sys/fs/cgroup');
  assert.equal(findCgroup2Mount(hybrid), '/sys/fs/cgroup/unified');
  assert.equal(findCgroup2Mount('none /mnt/a\\040b cgroup2 rw 0 0'), '/mnt/a b');
  assert.equal(findCgroup2Mount('proc /proc proc rw 0 0'), undefined);
});

test("a container finds the root of the node's cgroups", () => {
  const own = '30 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw';
  const nodes = '40 23 0:26 /../../.. /host/sys/fs/cgroup ro shared:9 - cgroup2 cgroup2 rw';
  const other = '50 23 0:27 / /proc rw - proc proc rw';
  assert.equal(findCgroupRoot([own, nodes, other].join('\n')), '/host/sys/fs/cgroup');
  assert.equal(findCgroupRoot([other, own].join('\n')), '/sys/fs/cgroup');
  assert.equal(
    findCgroupRoot([own, own.replace('/sys', '/also/sys')].join('\n')),
    '/sys/fs/cgroup',
  );
  assert.equal(findCgroupRoot(other), undefined);
});

test('a missing libbpf is reported with its remedy', () => {
  const script =
    "import('./dist/src/kernel/requirements.js').then(({ readHost }) => console.log(readHost().libbpfProblem))";
  const { stdout } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...process.env, LIBBPF: '/nowhere/libbpf.so.1' },
  });
  assert.equal(
    stdout.trim(),
    'libbpf cannot be loaded from /nowhere/libbpf.so.1: install it (Debian: apt install libbpf1) or set LIBBPF to the path of another one',
  );
});

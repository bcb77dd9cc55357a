import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeLinkCalls } from '../../../../test/support/fake-bpf.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { BpfLink } from '../link.ts';
import { BpfProgram } from '../program.ts';
import { attachCgroup } from './cgroup.ts';
import { attachSkLookup } from './netns.ts';
import { attachTcx, attachTcxProgram, detachTcxProgram, queryTcx } from './tcx.ts';
import { attachXdp } from './xdp.ts';

const ifIndex = 7 as IfIndex;
const program = BpfProgram.fromFd(50, 'count');

test('a tcx program is placed last, first, before or after another', () => {
  const calls = new FakeLinkCalls();
  const other = BpfLink.fromFd(60, calls);
  attachTcx({ program, ifIndex, direction: 'ingress', calls });
  attachTcx({ program, ifIndex, direction: 'egress', place: { kind: 'first' }, calls });
  for (const kind of ['before', 'after'] as const) {
    attachTcx({ program, ifIndex, direction: 'ingress', place: { kind, link: other }, calls });
  }
  attachTcx({ program, ifIndex, direction: 'ingress', place: { kind: 'last' }, calls });
  const common = { programFd: 50, target: 7, attachType: 46 };
  assert.deepEqual(calls.created, [
    { ...common, flags: 0 },
    { ...common, attachType: 47, flags: 8 },
    { ...common, flags: 0x2008, relativeFd: 60 },
    { ...common, flags: 0x2010, relativeFd: 60 },
    { ...common, flags: 0 },
  ]);
});

test('a tcx program without a link is placed last', () => {
  const calls = new FakeLinkCalls();
  const hook = { program, ifIndex, direction: 'egress', calls } as const;
  attachTcxProgram(hook);
  detachTcxProgram(hook);
  const common = { programFd: 50, target: 7, attachType: 47 };
  assert.deepEqual(calls.attached, [common]);
  assert.deepEqual(calls.detached, [common]);
  calls.fails = 'EEXIST';
  assert.throws(() => attachTcxProgram(hook), {
    message: 'bpf program attach count at tcx egress of interface 7: EEXIST',
  });
  calls.fails = 'ENOENT';
  assert.throws(() => detachTcxProgram(hook), {
    message: 'bpf program detach count at tcx egress of interface 7: ENOENT',
  });
});

test('XDP, cgroup and sk_lookup links name their target and type', () => {
  const calls = new FakeLinkCalls();
  attachXdp({ program, ifIndex, calls });
  attachXdp({ program, ifIndex, mode: 'generic', calls });
  attachSkLookup({ program, namespaceFd: 9, calls });
  attachCgroup({ program, cgroup: '/', attachType: 'cgroup_sock_ops', calls });
  const [anyMode, generic, lookup, cgroup] = calls.created;
  assert.deepEqual(anyMode, { programFd: 50, target: 7, attachType: 37, flags: 0 });
  assert.deepEqual(generic, { programFd: 50, target: 7, attachType: 37, flags: 2 });
  assert.deepEqual(lookup, { programFd: 50, target: 9, attachType: 36 });
  assert.equal(cgroup?.attachType, 3);
});

test('a refused attachment names program, target and the first kernel that supports it', () => {
  const calls = new FakeLinkCalls();
  calls.fails = 'EINVAL';
  assert.throws(() => attachTcx({ program, ifIndex, direction: 'ingress', calls }), {
    message: 'bpf link create count at tcx ingress of interface 7: EINVAL (needs Linux 6.6)',
  });
  assert.throws(
    () => attachCgroup({ program, cgroup: '/nowhere', attachType: 'cgroup_sock_ops', calls }),
    /open \/nowhere: ENOENT/,
  );
});

test('a link reports its kind and target, also after the interface was deleted', () => {
  const calls = new FakeLinkCalls();
  const link = BpfLink.fromFd(60, calls);
  const cases = [
    [11, [7, 46, 0], { kind: 'tcx', ifIndex: 7, attachType: 'tcx_ingress' }],
    [11, [0, 47, 0], { kind: 'tcx', attachType: 'tcx_egress' }],
    [3, [99, 0, 10], { kind: 'cgroup', cgroupId: 99, attachType: 'cgroup_inet4_connect' }],
    [3, [1, 1, 10], { kind: 'cgroup', cgroupId: 2 ** 32 + 1, attachType: 'cgroup_inet4_connect' }],
    [3, [0, 0, 10], { kind: 'cgroup', attachType: 'cgroup_inet4_connect' }],
    [5, [99, 36, 0], { kind: 'netns', namespaceInode: 99, attachType: 'sk_lookup' }],
    [5, [0, 36, 0], { kind: 'netns', attachType: 'sk_lookup' }],
    [6, [7, 0, 0], { kind: 'xdp', ifIndex: 7, attachType: 'xdp' }],
    [2, [1, 2, 3], { kind: 'other' }],
  ] as const;
  for (const [typeNumber, words, expected] of cases) {
    calls.rawInfo = { typeNumber, id: 5, programId: 6, words };
    assert.deepEqual(link.info(), { id: 5, programId: 6, ...expected });
  }
});

test('a program is replaced in place, and a detached link refuses it', () => {
  const calls = new FakeLinkCalls();
  const link = BpfLink.openPinned('/sys/fs/bpf/link', calls);
  link.update(program);
  assert.deepEqual(calls.updates, [[201, 50]]);
  calls.fails = 'ENOLINK';
  assert.throws(() => link.update(program), /bpf link update to count: ENOLINK/);
  assert.throws(() => link.detach(), /bpf link detach fd 201: ENOLINK/);
  assert.throws(() => link.pin('/sys/fs/bpf/x'), /bpf link pin \/sys\/fs\/bpf\/x: ENOLINK/);
});

test('a hook’s programs are listed in their order', () => {
  const calls = new FakeLinkCalls();
  const programs = [
    { programId: 3, linkId: 1 },
    { programId: 2, linkId: 0 },
  ];
  calls.queried = { result: 0, programs };
  assert.deepEqual(queryTcx(ifIndex, 'ingress', calls), programs);
  calls.queried = { result: -19, programs: [] };
  assert.throws(() => queryTcx(ifIndex, 'egress', calls), {
    message: 'bpf query tcx egress of interface 7: ENODEV',
  });
});

test('disposing twice closes the descriptor once', () => {
  const calls = new FakeLinkCalls();
  const link = BpfLink.fromFd(60, calls);
  link[Symbol.dispose]();
  link[Symbol.dispose]();
  assert.deepEqual(calls.closed, [60]);
});

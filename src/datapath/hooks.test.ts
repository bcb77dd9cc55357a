import assert from 'node:assert/strict';
import { test } from 'node:test';
import { programNames } from './generated.ts';
import { hookPoints, hookPointsOf } from './hooks.ts';

test("a program's section and name say what it attaches to", () => {
  const sections = {
    from_wire: 'tc',
    to_wire: 'tc',
    connect: 'cgroup/connect6',
    send: 'cgroup/sendmsg4',
    operate: 'sockops',
    look_up: 'sk_lookup',
  } as const;
  assert.deepEqual(hookPointsOf(sections), {
    from_wire: { target: 'interface', direction: 'ingress' },
    to_wire: { target: 'interface', direction: 'egress' },
    connect: { target: 'cgroup', attachType: 'cgroup_inet6_connect' },
    send: { target: 'cgroup', attachType: 'cgroup_udp4_sendmsg' },
    operate: { target: 'cgroup', attachType: 'cgroup_sock_ops' },
    look_up: { target: 'netns' },
  });
});

test('every program of the object has a hook', () => {
  assert.deepEqual(Object.keys(hookPoints), [...programNames]);
});

test('a section without a known attachment is refused by name', () => {
  assert.throws(() => hookPointsOf({ trace: 'kprobe/tcp_connect' }), {
    message: 'program trace: no attachment is known for its section kprobe/tcp_connect',
  });
});

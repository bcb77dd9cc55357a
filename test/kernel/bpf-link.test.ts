import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { UndoStack } from '../../src/base/undo.ts';
import { attachCgroup, queryCgroup } from '../../src/kernel/bpf/attach/cgroup.ts';
import { attachSkLookup } from '../../src/kernel/bpf/attach/netns.ts';
import {
  attachTcx,
  attachTcxProgram,
  detachTcxProgram,
  queryTcx,
} from '../../src/kernel/bpf/attach/tcx.ts';
import { attachXdp } from '../../src/kernel/bpf/attach/xdp.ts';
import { BpfLink } from '../../src/kernel/bpf/link.ts';
import type { MapSpec } from '../../src/kernel/bpf/map.ts';
import type { BpfObject } from '../../src/kernel/bpf/object.ts';
import type { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { u32, u64 } from '../../src/kernel/codec.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { addBridge } from '../../src/kernel/netlink/bridge.ts';
import { delLink, setLink } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { loadTestObject, pinFolder, testCgroup } from '../support/bpf.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const loopback = 1 as IfIndex;
const hits: MapSpec<number, number> = {
  name: 'hits',
  type: 'array',
  key: u32,
  value: u64,
  maxEntries: 5,
};
const order: MapSpec<number, number> = { ...hits, name: 'order', value: u32, maxEntries: 1 };
const hit = { tcx: 0, xdp: 1, connect: 2, sockOps: 3, lookup: 4 } as const;

interface Bench {
  readonly namespace: NetworkNamespace;
  readonly netlink: NetlinkSocket;
  readonly object: BpfObject;
  program(name: string): BpfProgram;
  ran(which: number): number;
  /** One datagram over loopback, to a port where nothing listens. */
  send(): void;
}

/** A new namespace with loopback up, and the loaded programs of hooks.bpf.c. */
function bench(context: TestContext): Bench {
  const namespace = testNamespace(context);
  const netlink = NetlinkSocket.open({ namespace });
  context.after(() => netlink[Symbol.dispose]());
  setLink(netlink, { ifIndex: loopback, up: true });
  const object = loadTestObject(context, 'hooks');
  const map = object.map(hits);
  context.after(() => map[Symbol.dispose]());
  return {
    namespace,
    netlink,
    object,
    program: (name) => {
      const program = object.program(name);
      context.after(() => program[Symbol.dispose]());
      return program;
    },
    ran: (which) => map.get(which) ?? 0,
    send: () => void runIn(namespace, 'bash', '-c', 'echo x > /dev/udp/127.0.0.1/9'),
  };
}

rootTest('tcx programs run in the order in which their links were placed', (context) => {
  const { namespace, object, program, send } = bench(context);
  const links = namespace.run(() => {
    const hook = { ifIndex: loopback, direction: 'egress' } as const;
    const last = attachTcx({ program: program('note_order'), ...hook });
    const two = attachTcx({
      program: program('add_two'),
      ...hook,
      place: { kind: 'before', link: last },
    });
    const one = attachTcx({
      program: program('add_one'),
      ...hook,
      place: { kind: 'after', link: two },
    });
    return [two, one, last];
  });
  using all = new UndoStack();
  for (const link of links) all.use(link);
  send();
  using seen = object.map(order);
  assert.equal(seen.get(0), 21);

  const listed = namespace.run(() => queryTcx(loopback, 'egress'));
  assert.deepEqual(
    listed,
    links.map((link) => ({ programId: link.info().programId, linkId: link.info().id })),
  );
  assert.deepEqual(
    namespace.run(() => queryTcx(loopback, 'ingress')),
    [],
  );

  using first = namespace.run(() =>
    attachTcx({
      program: program('add_three'),
      ifIndex: loopback,
      direction: 'egress',
      place: { kind: 'first' },
    }),
  );
  send();
  assert.equal(seen.get(0), 321);
  assert.throws(
    () =>
      namespace.run(() =>
        attachTcx({ program: program('add_one'), ifIndex: loopback, direction: 'egress' }),
      ),
    /bpf link create add_one at tcx egress of interface 1: EEXIST \(this program is already attached\)/,
  );
  first.detach();
  send();
  assert.equal(seen.get(0), 21);
});

rootTest('a link’s program is replaced in place', (context) => {
  const { namespace, object, program, send } = bench(context);
  using seen = object.map(order);
  using link = namespace.run(() =>
    attachTcx({ program: program('add_one'), ifIndex: loopback, direction: 'egress' }),
  );
  using _last = namespace.run(() =>
    attachTcx({ program: program('note_order'), ifIndex: loopback, direction: 'egress' }),
  );
  send();
  assert.equal(seen.get(0), 1);
  const before = link.info();
  link.update(program('add_two'));
  send();
  assert.equal(seen.get(0), 2);
  assert.equal(link.info().id, before.id);
  assert.notEqual(link.info().programId, before.programId);
});

rootTest('a pinned link outlives its owner, an unpinned one ends', (context) => {
  const { namespace, program, ran, send } = bench(context);
  const path = `${pinFolder(context)}/link`;
  const attach = () =>
    namespace.run(() =>
      attachTcx({ program: program('add_one'), ifIndex: loopback, direction: 'egress' }),
    );
  attach()[Symbol.dispose]();
  send();
  assert.equal(ran(hit.tcx), 0);
  {
    using link = attach();
    link.pin(path);
  }
  send();
  const counted = ran(hit.tcx);
  assert.ok(counted > 0);
  using again = BpfLink.openPinned(path);
  const { kind, ifIndex, attachType } = again.info();
  assert.deepEqual(
    { kind, ifIndex, attachType },
    { kind: 'tcx', ifIndex: 1, attachType: 'tcx_egress' },
  );
  again.detach();
  send();
  assert.equal(ran(hit.tcx), counted);
  assert.throws(() => again.update(program('add_two')), /bpf link update to add_two: ENOLINK/);
});

rootTest('after its interface was deleted, a link has none', (context) => {
  const { namespace, netlink, program } = bench(context);
  addBridge(netlink, { name: 'br0', ifIndex: 8 as IfIndex });
  using link = namespace.run(() =>
    attachTcx({ program: program('add_one'), ifIndex: 8 as IfIndex, direction: 'ingress' }),
  );
  assert.equal(link.info().ifIndex, 8);
  delLink(netlink, 8 as IfIndex);
  assert.equal(link.info().ifIndex, undefined);
  assert.throws(
    () => namespace.run(() => queryTcx(8 as IfIndex, 'ingress')),
    /bpf query tcx ingress of interface 8: ENODEV/,
  );
  assert.throws(
    () =>
      namespace.run(() =>
        attachTcx({ program: program('add_one'), ifIndex: 8 as IfIndex, direction: 'ingress' }),
      ),
    /bpf link create add_one at tcx ingress of interface 8: ENODEV/,
  );
});

rootTest('a tcx program without a link stays until the interface is deleted', (context) => {
  const { namespace, object, netlink, program, send } = bench(context);
  using seen = object.map(order);
  const hook = { ifIndex: loopback, direction: 'egress' } as const;
  const [one, last] = [program('add_one'), program('note_order')];
  const idsAt = (ifIndex: IfIndex): readonly number[] =>
    namespace.run(() => queryTcx(ifIndex, 'egress')).map(({ programId }) => programId);
  namespace.run(() => {
    attachTcxProgram({ ...hook, program: one });
    attachTcxProgram({ ...hook, program: last });
    send();
    assert.equal(seen.get(0), 1);
    assert.deepEqual(queryTcx(loopback, 'egress'), [
      { programId: one.info().id, linkId: 0 },
      { programId: last.info().id, linkId: 0 },
    ]);
    assert.throws(() => attachTcxProgram({ ...hook, program: one }), { code: 'EEXIST' });
    detachTcxProgram({ ...hook, program: one });
    assert.throws(() => detachTcxProgram({ ...hook, program: one }), { code: 'ENOENT' });
  });
  assert.deepEqual(idsAt(loopback), [last.info().id]);

  const ifIndex = 8 as IfIndex;
  addBridge(netlink, { name: 'br0', ifIndex });
  namespace.run(() => attachTcxProgram({ program: one, ifIndex, direction: 'egress' }));
  assert.deepEqual(idsAt(ifIndex), [one.info().id]);
  delLink(netlink, ifIndex);
  assert.throws(
    () => namespace.run(() => attachTcxProgram({ program: one, ifIndex, direction: 'egress' })),
    { code: 'ENODEV' },
  );
  addBridge(netlink, { name: 'br0', ifIndex });
  assert.deepEqual(idsAt(ifIndex), []);
});

rootTest('XDP drops packets that arrive at a veth', (context) => {
  const { namespace, netlink, program, ran } = bench(context);
  const there = testNamespace(context);
  addVeth(netlink, {
    name: 'veth0',
    ifIndex: 7 as IfIndex,
    up: true,
    peer: { name: 'eth0', namespace: there, ifIndex: 9 as IfIndex },
  });
  using peer = NetlinkSocket.open({ namespace: there });
  setLink(peer, { ifIndex: 9 as IfIndex, up: true });
  using link = namespace.run(() =>
    attachXdp({ program: program('drop_all'), ifIndex: 7 as IfIndex }),
  );
  assert.deepEqual(
    [link.info().kind, link.info().ifIndex, link.info().attachType],
    ['xdp', 7, 'xdp'],
  );
  runIn(there, 'ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'eth0');
  runIn(there, 'bash', '-c', 'echo x > /dev/udp/192.0.2.2/9 || true'); // asks for the neighbour
  assert.ok(ran(hit.xdp) > 0);
  assert.throws(
    () => namespace.run(() => attachXdp({ program: program('drop_all'), ifIndex: 7 as IfIndex })),
    /EBUSY \(another program is already attached\)/,
  );
});

rootTest('cgroup programs apply to the processes of their cgroup', (context) => {
  const { namespace, program, ran } = bench(context);
  const cgroup = testCgroup(context);
  using link = attachCgroup({
    program: program('refuse_connect'),
    cgroup,
    attachType: 'cgroup_inet4_connect',
  });
  using operations = attachCgroup({
    program: program('note_operation'),
    cgroup,
    attachType: 'cgroup_sock_ops',
  });
  assert.deepEqual(queryCgroup(cgroup, 'cgroup_inet4_connect'), [link.info().programId]);
  assert.equal(operations.info().attachType, 'cgroup_sock_ops');
  const connect = (before: string) =>
    runIn(namespace, 'bash', '-c', `${before}(echo x > /dev/tcp/127.0.0.1/9) 2>&1 || true`);
  assert.match(connect(''), /refused/i);
  assert.equal(ran(hit.connect), 0);
  assert.match(connect(`echo $$ > ${cgroup}/cgroup.procs; `), /not permitted/);
  assert.equal(ran(hit.connect), 1);
  link.detach();
  assert.match(connect(`echo $$ > ${cgroup}/cgroup.procs; `), /refused/);
  assert.ok(ran(hit.sockOps) > 0);
});

rootTest('sk_lookup sees socket lookups in its namespace', (context) => {
  const { namespace, program, ran, send } = bench(context);
  using link = attachSkLookup({ program: program('look_up'), namespaceFd: namespace.fd });
  send();
  assert.equal(ran(hit.lookup), 1);
  assert.deepEqual([link.info().kind, link.info().attachType], ['netns', 'sk_lookup']);
  link.detach();
  send();
  assert.equal(ran(hit.lookup), 1);
});

// What tcx adds to the filters at pods' interfaces: one at a time, exchanged with the filters, gone with the interface.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { doomedName, isDoomedName } from '../../src/agent/link-names.ts';
import { BlockAttacher, podBlocks } from '../../src/datapath/block-attach.ts';
import type { Datapath } from '../../src/datapath/loader.ts';
import { podAttacher } from '../../src/datapath/pod-attach.ts';
import { PodTcx } from '../../src/datapath/pod-tcx.ts';
import type { AttachedHook, Attacher, Hook } from '../../src/datapath/tables/attacher.ts';
import { attachTcx, detachTcxProgram, queryTcx } from '../../src/kernel/attach.ts';
import { throwFirst } from '../../src/kernel/netlink/batch.ts';
import { listBlockFilters } from '../../src/kernel/netlink/block-filter.ts';
import { delLink, setLink } from '../../src/kernel/netlink/link.ts';
import type { BpfProgram } from '../../src/kernel/program.ts';
import { type AttachNode, attachNode } from '../support/attach-node.ts';
import { loadTestObject } from '../support/bpf.ts';
import { rootTest } from '../support/root-test.ts';

interface Loaded {
  readonly datapath: Datapath;
  readonly attacher: Attacher;
  readonly tcx: PodTcx;
  list(): readonly AttachedHook[];
  /** As an ADD does. */
  add(...hooks: readonly AttachedHook[]): void;
  /** One step; true: there is more to do. */
  step(): boolean;
}

interface Node extends Omit<AttachNode, 'load'> {
  load(eventsPerSecond: number): Loaded;
  /** What the interface of a new pair at the node wants. */
  pod(name: string): readonly [AttachedHook, AttachedHook];
  /** Programs at the hook that sees what the pod sends. */
  sending(pod: readonly AttachedHook[]): readonly number[];
}

function makeNode(context: TestContext): Node {
  const node = attachNode(context);
  return {
    ...node,
    load: (eventsPerSecond) => attachers(node, node.load(eventsPerSecond)),
    pod: (ifName) => {
      const ifIndex = node.link(ifName);
      const hook = (name: Hook): AttachedHook => ({ ifName, ifIndex, hook: name, current: true });
      return [hook('from_pod'), hook('to_pod')];
    },
    sending: ([hook = assert.fail()]) =>
      node.namespace.run(() => queryTcx(hook.ifIndex, 'ingress').map(({ programId }) => programId)),
  };
}

function attachers({ namespace, socket }: AttachNode, datapath: Datapath): Loaded {
  const isDoomed = isDoomedName;
  const program = (hook: Hook): BpfProgram => datapath.program(hook);
  const tcx = new PodTcx({ socket, isDoomed, program: () => program('from_pod') });
  const attacher = podAttacher({ tcx, block: new BlockAttacher({ socket, program, isDoomed }) });
  return {
    datapath,
    attacher,
    tcx,
    list: () => namespace.run(() => attacher.list()),
    add: (...hooks) => namespace.run(() => throwFirst(attacher.attachAll(hooks))),
    step: () => namespace.run(() => tcx.attachNext()),
  };
}

function idOf({ datapath }: Loaded): number {
  return datapath.program('from_pod').info().id;
}

rootTest('pods get tcx a step each, after their filters, and keep it until they go', (context) => {
  const node = makeNode(context);
  const loaded = node.load(1);
  const [first, second] = [node.pod('pod1'), node.pod('pod2')];
  loaded.add(...first, ...second);
  assert.deepEqual([node.sending(first), node.sending(second)], [[], []]);
  assert.equal(loaded.step(), true);
  assert.deepEqual([node.sending(first), node.sending(second)], [[idOf(loaded)], []]);
  assert.equal(loaded.step(), false);
  assert.deepEqual(node.sending(second), [idOf(loaded)]);
  assert.deepEqual([loaded.tcx.attached, loaded.step()], [2, false]);
  assert.deepEqual(loaded.list(), [...first, ...second]);
  assert.deepEqual([loaded.tcx.attached, loaded.step()], [2, false]);
  delLink(node.socket, first[0].ifIndex);
  for (const hook of first) node.namespace.run(() => loaded.attacher.detach(hook));
  assert.deepEqual(loaded.list(), second);
  assert.equal(loaded.tcx.attached, 1);
});

rootTest('the next agent finds what is there, and a new load is exchanged at once', (context) => {
  const node = makeNode(context);
  const old = node.load(1);
  const [first, second] = [node.pod('pod1'), node.pod('pod2')];
  old.add(...first, ...second);
  old.step();
  const same = node.load(1);
  assert.deepEqual(same.list(), [...first, ...second]);
  assert.equal(same.tcx.attached, 1);
  const loaded = node.load(2);
  assert.ok(loaded.list().every(({ current }) => !current));
  loaded.add(...first, ...second);
  assert.deepEqual([node.sending(first), node.sending(second)], [[idOf(loaded)], []]);
  assert.deepEqual(loaded.list(), [...first, ...second]);
});

rootTest('one that alone is of an earlier load is seen and exchanged', (context) => {
  const node = makeNode(context);
  const old = node.load(1);
  const pod = node.pod('pod1');
  old.add(...pod);
  old.step();
  const loaded = node.load(2);
  // The filters were exchanged; the agent died before it came to tcx.
  const program = (hook: Hook): BpfProgram => loaded.datapath.program(hook);
  const block = new BlockAttacher({ socket: node.socket, program, isDoomed: isDoomedName });
  throwFirst(block.attachAll(pod));
  assert.deepEqual(
    loaded.list().map(({ hook, current }) => [hook, current]),
    [
      ['from_pod', false],
      ['to_pod', true],
    ],
  );
  loaded.add(pod[0]);
  assert.deepEqual(node.sending(pod), [idOf(loaded)]);
});

rootTest('taken off by hand it is put back, with the filter in force until then', (context) => {
  const node = makeNode(context);
  const loaded = node.load(1);
  const pod = node.pod('pod1');
  loaded.add(...pod);
  loaded.step();
  const [{ ifIndex }] = pod;
  const program = loaded.datapath.program('from_pod');
  node.namespace.run(() => detachTcxProgram({ program, ifIndex, direction: 'ingress' }));
  assert.deepEqual(loaded.list(), pod, 'every pod has what it must have');
  const filters = listBlockFilters(node.socket, podBlocks.ingress);
  assert.deepEqual(
    filters.map(({ programId }) => programId),
    [idOf(loaded)],
  );
  assert.deepEqual([loaded.tcx.attached, loaded.step()], [0, false]);
  assert.deepEqual(node.sending(pod), [idOf(loaded)]);
});

rootTest('what goes, is gone or waits for its deletion is left alone', (context) => {
  const node = makeNode(context);
  const loaded = node.load(1);
  const pods = ['gone', 'doomed', 'left'].map((name) => node.pod(name));
  const [gone = assert.fail(), doomed = assert.fail(), left = assert.fail()] = pods;
  loaded.add(...pods.flat());
  delLink(node.socket, gone[0].ifIndex);
  const { ifIndex } = doomed[0];
  setLink(node.socket, { ifIndex, up: false });
  setLink(node.socket, { ifIndex, name: doomedName(ifIndex) });
  while (loaded.step());
  assert.deepEqual([node.sending(doomed), node.sending(left)], [[], [idOf(loaded)]]);
  assert.equal(loaded.tcx.attached, 1);
  for (const hook of left) node.namespace.run(() => loaded.attacher.detach(hook));
  assert.deepEqual(
    [node.sending(left), loaded.tcx.attached],
    [[idOf(loaded)], 0],
    'an interface that stays and is no endpoint any more keeps it',
  );
});

rootTest("somebody else's program stays, before ours", (context) => {
  const node = makeNode(context);
  const loaded = node.load(1);
  const pod = node.pod('pod1');
  using theirs = loadTestObject(context, 'hooks').program('add_one');
  using link = node.namespace.run(() =>
    attachTcx({ program: theirs, ifIndex: pod[0].ifIndex, direction: 'ingress' }),
  );
  loaded.add(...pod);
  loaded.step();
  const expected = [link.info().programId, idOf(loaded)];
  assert.deepEqual(node.sending(pod), expected);
  assert.deepEqual([loaded.list(), loaded.tcx.attached], [pod, 1]);
});

rootTest(
  'a program that the kernel refuses is told once and tried after the next look',
  (context) => {
    const node = makeNode(context);
    const loaded = node.load(1);
    const pod = node.pod('pod1');
    loaded.add(...pod);
    using ofAnotherKind = loadTestObject(context, 'hooks').program('drop_all');
    const program = (): BpfProgram => ofAnotherKind;
    const tcx = new PodTcx({ socket: node.socket, isDoomed: isDoomedName, program });
    tcx.want(pod[0].ifIndex);
    assert.throws(() => node.namespace.run(() => tcx.attachNext()), {
      call: 'bpf program attach',
      code: 'EINVAL',
    });
    assert.equal(tcx.attachNext(), false);
    node.namespace.run(() => tcx.survey([pod[0].ifIndex]));
    assert.throws(() => node.namespace.run(() => tcx.attachNext()), { code: 'EINVAL' });
  },
);

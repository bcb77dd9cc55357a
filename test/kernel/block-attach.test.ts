// Programs at pods' interfaces through shared blocks: one filter serves all, and changes by other programs are noticed.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  BlockAttacher,
  type PodAttachment,
  type PodHook,
} from '../../src/datapath/attach/pod-blocks.ts';
import { type Attached, attachmentKey } from '../../src/datapath/attacher.ts';
import type { Datapath } from '../../src/datapath/load/loader.ts';
import type { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { throwFirst } from '../../src/kernel/netlink/batch.ts';
import { listBlockFilters } from '../../src/kernel/netlink/block-filter.ts';
import { listClsact } from '../../src/kernel/netlink/qdisc.ts';
import { podBlocks } from '../../src/model/ids.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type AttachNode, attachNode } from '../support/attach-node.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

interface Node extends Omit<AttachNode, 'load'> {
  load(eventsPerSecond: number): { readonly datapath: Datapath; readonly attacher: BlockAttacher };
}

function makeNode(context: TestContext): Node {
  const node = attachNode(context);
  const { socket } = node;
  return {
    ...node,
    load: (eventsPerSecond) => {
      const datapath = node.load(eventsPerSecond);
      const program = (hook: PodHook): BpfProgram => datapath.program(hook);
      const attacher = new BlockAttacher({ socket, program });
      return { datapath, attacher };
    },
  };
}

const hooks = ['from_pod', 'to_pod'] as const;

type Entry = Attached<PodAttachment>;

function entries(ifName: string, ifIndex: IfIndex): readonly Entry[] {
  return hooks.map(
    (hook) => ({ target: 'interface', ifName, ifIndex, hook, current: true }) as const,
  );
}

function attach(attacher: BlockAttacher, ...wanted: readonly Entry[]): void {
  throwFirst(attacher.attachAll(wanted));
}

/** Which of these are in place. */
function listed(attacher: BlockAttacher, wanted: readonly Entry[]): readonly Entry[] {
  return attacher.list(new Map(wanted.map((entry) => [attachmentKey(entry), entry])));
}

function programIds({ socket }: Node): readonly (number | undefined)[] {
  return [podBlocks.ingress, podBlocks.egress].flatMap((block) =>
    listBlockFilters(socket, block).map(({ programId }) => programId),
  );
}

rootTest(
  'all pods share one filter per direction, which is deleted with the last of them',
  (context) => {
    const node = makeNode(context);
    const { attacher, datapath } = node.load(1);
    const names = ['pod1', 'pod2', 'pod3'];
    const all = names.flatMap((name) => entries(name, node.link(name)));
    assert.deepEqual(listed(attacher, all), []);
    for (const entry of [...all, ...all]) attach(attacher, entry);
    assert.deepEqual(listed(attacher, all), all);
    const expected = hooks.map((hook) => datapath.program(hook).info().id);
    assert.deepEqual(programIds(node), expected);
    const [first, ...rest] = names;
    runIn(node.namespace, 'ip', 'link', 'delete', first ?? assert.fail());
    assert.deepEqual(
      listed(attacher, all),
      all.filter(({ ifName }) => ifName !== first),
    );
    assert.deepEqual(programIds(node), expected);
    for (const name of rest) runIn(node.namespace, 'ip', 'link', 'delete', name);
    assert.deepEqual(
      [listed(attacher, all), listClsact(node.socket), programIds(node)],
      [[], [], []],
    );
  },
);

rootTest(
  'an interface without an owner is not listed, so that its programs are not removed',
  (context) => {
    const node = makeNode(context);
    const { attacher } = node.load(1);
    const [staying, leaving] = ['pod1', 'pod2'].map((name) => entries(name, node.link(name)));
    assert.ok(staying && leaving);
    attach(attacher, ...staying, ...leaving);
    assert.deepEqual(listed(attacher, staying), staying);
    assert.deepEqual(listed(attacher, leaving), leaving);
  },
);

rootTest('a new load takes over at every pod with its first write', (context) => {
  const node = makeNode(context);
  const { attacher: old } = node.load(1);
  const all = ['pod1', 'pod2'].flatMap((name) => entries(name, node.link(name)));
  attach(old, ...all);
  const { attacher, datapath } = node.load(2);
  assert.deepEqual(
    listed(attacher, all),
    all.map((entry) => ({ ...entry, current: false })),
  );
  attach(attacher, ...all.slice(0, 2));
  assert.deepEqual(listed(attacher, all), all);
  assert.deepEqual(
    programIds(node),
    hooks.map((hook) => datapath.program(hook).info().id),
  );
});

const tampering: readonly { readonly name: string; readonly command: string }[] = [
  { name: 'the qdisc deleted', command: 'tc qdisc delete dev pod1 clsact' },
  {
    name: "another process's qdisc in its place",
    command: 'tc qdisc delete dev pod1 clsact; tc qdisc add dev pod1 clsact',
  },
  {
    name: 'the filter deleted',
    command: `tc filter delete block ${podBlocks.ingress}`,
  },
];

for (const { name, command } of tampering) {
  rootTest(`${name} is found and restored`, (context) => {
    const node = makeNode(context);
    const { attacher, datapath } = node.load(1);
    const ifIndex = node.link('pod1');
    const wanted = entries('pod1', ifIndex);
    attach(attacher, ...wanted);
    runIn(node.namespace, 'sh', '-c', command);
    assert.notDeepEqual(listed(attacher, wanted), wanted);
    attach(attacher, ...wanted);
    assert.deepEqual(listed(attacher, wanted), wanted);
    assert.ok(programIds(node).includes(datapath.program('from_pod').info().id));
  });
}

rootTest('a deleted interface is reported when attaching', (context) => {
  const { attacher } = makeNode(context).load(1);
  const [entry = assert.fail()] = entries('gone', 99 as IfIndex);
  assert.throws(() => attach(attacher, entry), { code: 'ENODEV', call: 'qdisc add' });
});

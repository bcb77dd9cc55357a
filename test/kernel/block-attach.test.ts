// Programs at pods' interfaces through shared blocks: one filter serves all, and what is tampered with is seen.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { doomedName, isDoomedName } from '../../src/agent/link-names.ts';
import { BlockAttacher, podBlocks } from '../../src/datapath/block-attach.ts';
import type { Datapath } from '../../src/datapath/loader.ts';
import type { AttachedHook, Hook } from '../../src/datapath/tables/attacher.ts';
import { listBlockFilters } from '../../src/kernel/netlink/block-filter.ts';
import { setLink } from '../../src/kernel/netlink/link.ts';
import { clsactOf, listClsact } from '../../src/kernel/netlink/qdisc.ts';
import type { BpfProgram } from '../../src/kernel/program.ts';
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
      const program = (hook: Hook): BpfProgram => datapath.program(hook);
      const attacher = new BlockAttacher({ socket, program, isDoomed: isDoomedName });
      return { datapath, attacher };
    },
  };
}

const hooks = ['from_pod', 'to_pod'] as const;

function entries(ifName: string, ifIndex: IfIndex, current = true): readonly AttachedHook[] {
  return hooks.map((hook) => ({ ifName, ifIndex, hook, current }));
}

function programIds({ socket }: Node): readonly (number | undefined)[] {
  return [podBlocks.ingress, podBlocks.egress].flatMap((block) =>
    listBlockFilters(socket, block).map(({ programId }) => programId),
  );
}

rootTest('all pods share one filter a direction, which goes with the last of them', (context) => {
  const node = makeNode(context);
  const { attacher, datapath } = node.load(1);
  const links = ['pod1', 'pod2', 'pod3'].map((name) => [name, node.link(name)] as const);
  assert.deepEqual(attacher.list(), []);
  const all = links.flatMap(([name, ifIndex]) => entries(name, ifIndex));
  for (const entry of [...all, ...all]) attacher.attach(entry);
  assert.deepEqual(attacher.list(), all);
  const expected = hooks.map((hook) => datapath.program(hook).info().id);
  assert.deepEqual(programIds(node), expected);
  const [first, ...rest] = links;
  for (const entry of entries(...(first ?? assert.fail()))) attacher.detach(entry);
  assert.deepEqual(
    attacher.list(),
    rest.flatMap(([name, ifIndex]) => entries(name, ifIndex)),
  );
  for (const [name] of rest) runIn(node.namespace, 'ip', 'link', 'delete', name);
  assert.deepEqual([attacher.list(), listClsact(node.socket), programIds(node)], [[], [], []]);
  for (const [name, ifIndex] of rest) {
    for (const entry of entries(name, ifIndex)) attacher.detach(entry);
  }
});

rootTest('what waits for its deletion is not listed: nobody has put it there', (context) => {
  const node = makeNode(context);
  const { attacher } = node.load(1);
  const [staying, leaving] = [node.link('pod1'), node.link('pod2')];
  attacher.attachAll([...entries('pod1', staying), ...entries('pod2', leaving)]);
  setLink(node.socket, { ifIndex: leaving, up: false });
  setLink(node.socket, { ifIndex: leaving, name: doomedName(leaving) });
  assert.equal(listClsact(node.socket).length, 2);
  assert.deepEqual(attacher.list(), entries('pod1', staying));
});

rootTest('a new load takes over at every pod with its first write', (context) => {
  const node = makeNode(context);
  const { attacher: old } = node.load(1);
  const links = ['pod1', 'pod2'].map((name) => [name, node.link(name)] as const);
  for (const [name, ifIndex] of links)
    for (const entry of entries(name, ifIndex)) old.attach(entry);
  const { attacher, datapath } = node.load(2);
  assert.deepEqual(
    attacher.list(),
    links.flatMap(([name, ifIndex]) => entries(name, ifIndex, false)),
  );
  for (const entry of entries(...(links[0] ?? assert.fail()))) attacher.attach(entry);
  assert.deepEqual(
    attacher.list(),
    links.flatMap(([name, ifIndex]) => entries(name, ifIndex)),
  );
  assert.deepEqual(
    programIds(node),
    hooks.map((hook) => datapath.program(hook).info().id),
  );
});

const tampering: readonly { readonly name: string; readonly command: string }[] = [
  { name: 'the qdisc deleted', command: 'tc qdisc delete dev pod1 clsact' },
  {
    name: "somebody's own qdisc in its place",
    command: 'tc qdisc delete dev pod1 clsact; tc qdisc add dev pod1 clsact',
  },
  {
    name: 'the filter deleted',
    command: `tc filter delete block ${podBlocks.ingress}`,
  },
];

for (const { name, command } of tampering) {
  rootTest(`${name} is seen and put right`, (context) => {
    const node = makeNode(context);
    const { attacher, datapath } = node.load(1);
    const ifIndex = node.link('pod1');
    const wanted = entries('pod1', ifIndex);
    for (const entry of wanted) attacher.attach(entry);
    runIn(node.namespace, 'sh', '-c', command);
    assert.notDeepEqual(attacher.list(), wanted);
    for (const entry of wanted) attacher.attach(entry);
    assert.deepEqual(attacher.list(), wanted);
    assert.ok(programIds(node).includes(datapath.program('from_pod').info().id));
  });
}

rootTest('an interface that is gone is told at attaching and fine at detaching', (context) => {
  const node = makeNode(context);
  const { attacher } = node.load(1);
  const [entry = assert.fail()] = entries('gone', 99 as IfIndex);
  assert.throws(() => attacher.attach(entry), { code: 'ENODEV', call: 'qdisc add' });
  attacher.detach(entry);
  assert.equal(clsactOf(node.socket, entry.ifIndex), undefined);
  const ifIndex = node.link('pod1');
  attacher.detach({ ...entry, ifIndex });
  assert.equal(clsactOf(node.socket, ifIndex), undefined);
});

// Programs of other software at the interfaces of pods' packets: they are recognised next to ours, of this load and of
// earlier ones.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { ForeignPrograms } from '../../src/agent/node-facts/observed/foreign-programs.ts';
import { BlockAttacher } from '../../src/datapath/attach/pod-blocks.ts';
import { programNames } from '../../src/datapath/generated.ts';
import type { Datapath } from '../../src/datapath/load/loader.ts';
import { namedAsOurs } from '../../src/datapath/our-programs.ts';
import { attachTcx, attachTcxProgram, type Direction } from '../../src/kernel/bpf/attach/tcx.ts';
import type { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { throwFirst } from '../../src/kernel/netlink/batch.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import type { DesiredState, OverlayDevice } from '../../src/model/desired.ts';
import { podBlocks } from '../../src/model/ids.ts';
import { podQueue } from '../../src/model/pod-queue.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type AttachNode, attachNode } from '../support/attach-node.ts';
import { loadTestObject } from '../support/bpf.ts';
import { endpointCollection } from '../support/compute-desired.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';
import { sound } from '../support/sound-node.ts';

const [anyEndpoint = assert.fail()] = sound.desired.endpoints.values();
const classic = ['protocol', 'all', 'bpf', 'da', 'bytecode', '1,6 0 0 4294967295,'];
const bandwidth = { egress: { bitsPerSecond: 1_000_000, burstBytes: 10_000 } } as const;

/** One limited pod, an uplink and a VXLAN device (of a kind that needs no tunnel). */
interface Node {
  readonly kernel: AttachNode;
  /** Of an earlier load, still there. */
  readonly old: Datapath;
  readonly datapath: Datapath;
  readonly theirs: BpfProgram;
  readonly at: Readonly<Record<'pod' | 'near' | 'far' | 'uplink' | 'tunnel', IfIndex>>;
}

function makeNode(context: TestContext): Node {
  const kernel = attachNode(context);
  const [old, datapath] = [kernel.load(1), kernel.load(2)];
  const theirs = loadTestObject(context, 'hooks').program('add_one');
  context.after(() => theirs[Symbol.dispose]());
  const [pod, uplink, tunnel] = [kernel.link('pod'), kernel.link('uplink'), kernel.link('tunnel')];
  const queue = podQueue({ hostIfName: 'pod', hostIfIndex: pod, bandwidth }) ?? assert.fail();
  const [near, far] = [queue.ifIndex, queue.farIfIndex];
  addVeth(kernel.socket, { name: 'near', ifIndex: near, peer: { name: 'far', ifIndex: far } });
  const node = { kernel, old, datapath, theirs, at: { pod, near, far, uplink, tunnel } };
  const blocks = new BlockAttacher({
    socket: kernel.socket,
    program: (hook) => datapath.program(hook),
  });
  const hooks = (['pod', 'far'] as const).flatMap((ifName) =>
    (['from_pod', 'to_pod'] as const).map((hook) => {
      return { target: 'interface', ifName, ifIndex: node.at[ifName], hook } as const;
    }),
  );
  throwFirst(blocks.attachAll(hooks));
  attach(node, datapath.program('from_network'), 'uplink', 'ingress');
  attach(node, datapath.program('from_overlay'), 'tunnel', 'ingress');
  attach(node, datapath.program('to_overlay'), 'tunnel', 'egress');
  return node;
}

function attach(
  { kernel, at }: Node,
  program: BpfProgram,
  where: keyof Node['at'],
  direction: Direction,
): void {
  kernel.namespace.run(() => attachTcxProgram({ program, ifIndex: at[where], direction }));
}

/** `tcx ingress of pod: program theirs` */
function found({ kernel, old, datapath, theirs, at }: Node): readonly string[] {
  const ids = new Set(programNames.map((name) => datapath.program(name).info().id));
  const isNamed = namedAsOurs();
  const programs = new ForeignPrograms({
    socket: kernel.socket,
    isOwnProgram: (id) => ids.has(id),
    isOurs: (id) => ids.has(id) || isNamed(id),
  });
  const desired: DesiredState = {
    ...sound.desired,
    endpoints: endpointCollection([
      { ...anyEndpoint, hostIfName: 'pod', hostIfIndex: at.pod, bandwidth },
    ]),
    uplinks: [{ ifIndex: at.uplink, name: 'uplink', mtuBytes: 1500, addresses: [] }],
    overlay: { name: 'tunnel', ifIndex: at.tunnel } as OverlayDevice,
  };
  const names = new Map(Object.entries(at).map(([name, ifIndex]) => [ifIndex, name]));
  const known = new Map([
    [theirs.info().id, 'theirs'],
    [old.program('from_network').info().id, 'old'],
  ]);
  return kernel.namespace
    .run(() => programs.look(desired))
    .map(({ ifIndex, hook, what }) => {
      const text = what.replace(/\d+/, (id) => known.get(Number(id)) ?? id);
      return `${hook} of ${ifIndex === undefined ? 'all pods' : names.get(ifIndex)}: ${text}`;
    });
}

const cases: readonly {
  readonly what: string;
  readonly does?: (node: Node) => void;
  /** As long as the returned object is referenced. */
  readonly holds?: (node: Node) => Disposable;
  readonly expected: readonly string[];
}[] = [
  { what: "heddle's programs are not reported", expected: [] },
  {
    what: "tcx programs at a pod's interface",
    does: (node) => {
      attach(node, node.theirs, 'pod', 'ingress');
      attach(node, node.theirs, 'pod', 'egress');
    },
    expected: ['tcx ingress of pod: program theirs', 'tcx egress of pod: program theirs'],
  },
  {
    what: "a tcx program after heddle's sees nothing",
    does: (node) => {
      attach(node, node.datapath.program('from_pod'), 'pod', 'ingress');
      attach(node, node.theirs, 'pod', 'ingress');
    },
    expected: [],
  },
  {
    what: "a tcx program before heddle's",
    does: (node) => attach(node, node.datapath.program('from_pod'), 'pod', 'ingress'),
    holds: ({ kernel, theirs: program, at }) => {
      const place = {
        ifIndex: at.pod,
        direction: 'ingress',
        place: { kind: 'first' },
      } as const;
      return kernel.namespace.run(() => attachTcx({ program, ...place }));
    },
    expected: ['tcx ingress of pod: program theirs'],
  },
  {
    what: "heddle's program of an earlier load at a pod's interface is not foreign",
    does: (node) => attach(node, node.old.program('from_pod'), 'pod', 'ingress'),
    expected: [],
  },
  {
    what: "heddle's program of an earlier load at an uplink is",
    does: (node) => attach(node, node.old.program('from_network'), 'uplink', 'egress'),
    expected: ['tcx egress of uplink: program old'],
  },
  {
    what: "tcx programs at both ends of a pod's queue",
    does: (node) => {
      attach(node, node.theirs, 'near', 'egress');
      attach(node, node.theirs, 'far', 'ingress');
    },
    expected: ['tcx egress of near: program theirs', 'tcx ingress of far: program theirs'],
  },
  {
    what: 'a filter at the near end of a queue',
    does: (node) => {
      tc(node, 'qdisc', 'add', 'dev', 'near', 'clsact');
      tc(node, 'filter', 'add', 'dev', 'near', 'egress', ...classic);
    },
    expected: ['tc egress of near: filter bpf'],
  },
  {
    what: "tcx programs at the VXLAN device, even after heddle's",
    does: (node) => {
      attach(node, node.theirs, 'tunnel', 'ingress');
      attach(node, node.theirs, 'tunnel', 'egress');
    },
    expected: ['tcx ingress of tunnel: program theirs', 'tcx egress of tunnel: program theirs'],
  },
  {
    what: 'filters at the VXLAN device',
    does: (node) => {
      tc(node, 'qdisc', 'add', 'dev', 'tunnel', 'ingress_block', '7', 'clsact');
      tc(node, 'filter', 'add', 'block', '7', ...classic);
      tc(node, 'filter', 'add', 'dev', 'tunnel', 'egress', ...classic);
    },
    expected: ['tc ingress of tunnel: filter bpf', 'tc egress of tunnel: filter bpf'],
  },
  {
    what: "a filter before heddle's in a block of pods",
    does: (node) => {
      const block = ['block', `${podBlocks.egress}`];
      tc(node, 'filter', 'add', ...block, 'pref', '1', ...classic);
    },
    expected: ['tc egress of all pods: filter bpf'],
  },
  {
    what: "a filter after heddle's sees nothing",
    does: (node) => {
      const block = ['block', `${podBlocks.ingress}`];
      tc(node, 'filter', 'add', ...block, 'pref', '2', ...classic);
    },
    expected: [],
  },
];

function tc({ kernel }: Node, ...words: readonly string[]): void {
  runIn(kernel.namespace, 'tc', ...words);
}

for (const { what, does, holds, expected } of cases) {
  rootTest(what, (context) => {
    const node = makeNode(context);
    does?.(node);
    using _held = holds?.(node);
    assert.deepEqual(found(node), expected);
  });
}

// All kinds of targets in the table of attachments, with the reconciler and the programs of a test object: the data
// path itself attaches only to interfaces.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { LinkAttacher } from '../../src/datapath/attach/links.ts';
import { detachAll } from '../../src/datapath/attach/pinned-link.ts';
import { attachmentTable } from '../../src/datapath/attach/table.ts';
import { type AttachedHook, type Attacher, attachmentKey } from '../../src/datapath/attacher.ts';
import { hookPointsOf } from '../../src/datapath/hooks.ts';
import type { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { Reconciler } from '../../src/reconcile/reconciler.ts';
import type { SettleReport } from '../../src/reconcile/status.ts';
import { trackTable } from '../../src/reconcile/tracked-table.ts';
import { loadTestObject, testCgroup } from '../support/bpf.ts';
import { runIn, testNamespacePath } from '../support/namespaces.ts';
import { testPinFolder } from '../support/pin-folder.ts';
import { rootTest } from '../support/root-test.ts';

const sections = {
  add_one: 'tc',
  refuse_connect: 'cgroup/connect4',
  look_up: 'sk_lookup',
} as const;
type Hook = keyof typeof sections;
const hookNames = Object.keys(sections) as readonly Hook[];
const hooks = hookPointsOf<Hook>(sections);

interface Place {
  readonly cgroup: string;
  readonly namespacePath: string;
  /** Of link pins. */
  readonly folder: string;
  readonly wanted: readonly AttachedHook<Hook>[];
}

function makePlace(context: TestContext): Place {
  const namespacePath = testNamespacePath();
  NetworkNamespace.create(namespacePath)[Symbol.dispose]();
  context.after(() => NetworkNamespace.remove(namespacePath));
  const cgroup = testCgroup(context);
  const loopback = { ifName: 'lo', ifIndex: 1 as IfIndex };
  const wanted: readonly AttachedHook<Hook>[] = [
    { target: 'interface', ...loopback, hook: 'add_one', current: true },
    { target: 'cgroup', path: cgroup, hook: 'refuse_connect', current: true },
    { target: 'netns', path: namespacePath, hook: 'look_up', current: true },
  ];
  return { cgroup, namespacePath, folder: testPinFolder(context), wanted };
}

type Programs = ReadonlyMap<Hook, BpfProgram>;

/** Each time the same programs with other ids, as after an upgrade. */
function load(context: TestContext): Programs {
  const object = loadTestObject(context, 'hooks');
  const programs = new Map(hookNames.map((name) => [name, object.program(name)]));
  context.after(() => {
    for (const program of programs.values()) program[Symbol.dispose]();
  });
  return programs;
}

interface Agent {
  settle(desired: readonly AttachedHook<Hook>[]): Promise<SettleReport>;
  list(): readonly AttachedHook<Hook>[];
}

/** As a start does: it knows the programs and the folder of pins, nothing else. */
function startAgent({ folder, namespacePath }: Place, programs: Programs): Agent {
  const program = (hook: Hook): BpfProgram => programs.get(hook) ?? assert.fail(hook);
  const links = new LinkAttacher<Hook>({ folder, hooks, program });
  const attacher: Attacher<Hook> = {
    list: () => links.list(),
    attachAll: (attachments) => {
      using namespace = NetworkNamespace.open(namespacePath);
      return namespace.run(() => links.attachAll(attachments));
    },
    detach: (attachment) => links.detach(attachment),
  };
  const reconciler = new Reconciler<readonly AttachedHook<Hook>[]>([
    trackTable(attachmentTable<Hook>(attacher), {
      groups: (desired: readonly AttachedHook<Hook>[]) =>
        desired.map((entry) => [[attachmentKey(entry), entry] as const]),
    }),
  ]);
  return {
    settle: (desired) => reconciler.settle(desired, { relist: true, prune: true }),
    list: () => inOrder(links.list()),
  };
}

function inOrder(entries: readonly AttachedHook<Hook>[]): readonly AttachedHook<Hook>[] {
  return entries.toSorted((left, right) => (left.hook < right.hook ? -1 : 1));
}

/** Every link of the kernel that runs one of these programs: its id by hook. */
function linksOf(programs: Programs): Readonly<Record<string, number>> {
  const text = execFileSync('bpftool', ['-j', 'link', 'show'], { encoding: 'utf8' });
  const links = JSON.parse(text) as readonly { readonly id: number; readonly prog_id: number }[];
  const found = [...programs].flatMap(([hook, program]) => {
    const { id: programId } = program.info();
    const own = links.filter(({ prog_id }) => prog_id === programId);
    assert.ok(own.length <= 1, `${own.length} links run ${hook}`);
    return own.map(({ id }) => [hook, id] as const);
  });
  return Object.fromEntries(found);
}

/** The result that a process of the cgroup and the namespace reads when it connects. */
function connect({ cgroup, namespacePath }: Place): string {
  using namespace = NetworkNamespace.open(namespacePath);
  const script = `echo $$ > ${cgroup}/cgroup.procs; (echo x > /dev/tcp/127.0.0.1/9) 2>&1 || true`;
  return runIn(namespace, 'bash', '-c', `ip link set lo up; ${script}`);
}

rootTest(
  'links are created, adopted after a restart, updated to new programs, and removed',
  async (context) => {
    const place = makePlace(context);
    const { wanted, folder } = place;
    const programs = load(context);
    assert.deepEqual(linksOf(programs), {});
    assert.match(connect(place), /refused/i);

    const made = await startAgent(place, programs).settle(wanted);
    assert.deepEqual([made.writes.set, made.failures], [3, []]);
    const links = linksOf(programs);
    assert.deepEqual(Object.keys(links).sort(), [...hookNames].sort());
    assert.equal(readdirSync(folder).length, 3);
    assert.match(connect(place), /not permitted/);

    const restarted = startAgent(place, programs);
    assert.deepEqual(restarted.list(), inOrder(wanted));
    const adopted = await restarted.settle(wanted);
    assert.deepEqual([adopted.writes.set, linksOf(programs)], [0, links]);

    const newer = load(context);
    const upgraded = startAgent(place, newer);
    assert.ok(upgraded.list().every(({ current }) => !current));
    const replaced = await upgraded.settle(wanted);
    assert.deepEqual([replaced.writes.set, replaced.failures], [3, []]);
    assert.deepEqual([linksOf(programs), linksOf(newer)], [{}, links], 'the same links');
    assert.deepEqual(upgraded.list(), inOrder(wanted));
    assert.match(connect(place), /not permitted/);

    const removed = await upgraded.settle([]);
    assert.deepEqual([removed.writes.deleted, removed.failures], [3, []]);
    assert.deepEqual([linksOf(newer), readdirSync(folder)], [{}, []]);
    assert.match(connect(place), /refused/i);
  },
);

rootTest(
  'a cgroup or namespace that is recreated with the same name gets its program again',
  async (context) => {
    const place = makePlace(context);
    const { cgroup, namespacePath, folder } = place;
    // Interfaces have an index that changes; a namespace takes its own with it only later.
    const wanted = place.wanted.filter(({ target }) => target !== 'interface');
    const hooksWanted = wanted.map(({ hook }) => hook).toSorted();
    const programs = load(context);
    const agent = startAgent(place, programs);
    await agent.settle(wanted);
    const before = linksOf(programs);
    assert.deepEqual(Object.keys(before).sort(), hooksWanted);
    rmdirSync(cgroup);
    NetworkNamespace.remove(namespacePath);
    const stale = inOrder(wanted).map((entry) => ({ ...entry, current: false }));
    assert.deepEqual(agent.list(), stale);
    mkdirSync(cgroup);
    NetworkNamespace.create(namespacePath)[Symbol.dispose]();
    assert.deepEqual(agent.list(), stale);
    const settled = await agent.settle(wanted);
    assert.deepEqual([settled.writes.set, settled.failures], [2, []]);
    const after = linksOf(programs);
    assert.deepEqual(Object.keys(after).sort(), hooksWanted);
    for (const hook of hooksWanted) assert.notEqual(after[hook], before[hook], hook);
    assert.equal(readdirSync(folder).length, 2);
    assert.match(connect(place), /not permitted/);
  },
);

rootTest('a missing target fails only its own entry', async (context) => {
  const place = makePlace(context);
  const [atInterface] = place.wanted;
  assert.ok(atInterface);
  const settled = await startAgent(place, load(context)).settle([
    atInterface,
    { target: 'cgroup', path: `${place.cgroup}/none`, hook: 'refuse_connect', current: true },
    { target: 'netns', path: `${place.namespacePath}-none`, hook: 'look_up', current: true },
  ]);
  assert.equal(settled.writes.set, 1);
  assert.deepEqual(settled.failures.map(({ key, text }) => `${key}: ${text}`).toSorted(), [
    `cgroup:${place.cgroup}/none/refuse_connect: open ${place.cgroup}/none: ENOENT`,
    `netns:${place.namespacePath}-none/look_up: open ${place.namespacePath}-none: ENOENT`,
  ]);
});

rootTest('links of every kind are detached when heddle is uninstalled', async (context) => {
  const place = makePlace(context);
  const programs = load(context);
  await startAgent(place, programs).settle(place.wanted);
  assert.equal(detachAll(place.folder, assert.fail), 3);
  assert.deepEqual([linksOf(programs), readdirSync(place.folder)], [{}, []]);
  assert.match(connect(place), /refused/i);
});

// Programs that earlier versions attached by tcx at pods' interfaces: they are removed when the filters are in place,
// and each packet passes a program once.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
import { EarlierTcx } from '../../src/datapath/attach/earlier-tcx.ts';
import {
  BlockAttacher,
  type PodAttachment,
  type PodHook,
} from '../../src/datapath/attach/pod-blocks.ts';
import { type Attached, type AttachedHook, attachmentKey } from '../../src/datapath/attacher.ts';
import { installObject } from '../../src/datapath/load/install.ts';
import { pinPaths } from '../../src/datapath/load/pins.ts';
import { queryTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import { BpfProgram } from '../../src/kernel/bpf/program.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { throwFirst } from '../../src/kernel/netlink/batch.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import {
  type AgentPlace,
  agentPlace,
  cni,
  get,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { type AttachNode, attachNode } from '../support/attach-node.ts';
import { loadTestObject } from '../support/bpf.ts';
import { attachBesideFilters, type HookPlace, pinLinks, podHooks } from '../support/earlier-tcx.ts';
import { runIn, spawnIn } from '../support/namespaces.ts';
import { compiledWith } from '../support/other-version.ts';
import { rootTest } from '../support/root-test.ts';

interface Upgraded {
  readonly node: AttachNode;
  /** The first pod has only links, the second the program in addition to the filters, the third a foreign program. */
  readonly pods: readonly HookPlace[];
  readonly filters: BlockAttacher;
  readonly upgrading: EarlierTcx;
  readonly wanted: readonly Attached<PodAttachment>[];
  readonly theirs: BpfProgram;
}

function upgraded(context: TestContext): Upgraded {
  const node = attachNode(context);
  const { namespace, socket } = node;
  const old = node.load(1);
  const folder = old.paths.links;
  const pods = ['pod1', 'pod2', 'pod3'].map((ifName) => {
    return { namespace, folder, ifName, ifIndex: node.link(ifName) };
  });
  const [first, second, third] = pods;
  assert.ok(first && second && third);
  pinLinks(first, (hook) => old.program(hook));
  attachBesideFilters(second, old.program('from_pod'));
  const theirs = loadTestObject(context, 'hooks').program('add_one');
  attachBesideFilters(third, theirs);
  const loaded = node.load(2);
  const program = (hook: PodHook): BpfProgram => loaded.program(hook);
  const filters = new BlockAttacher({ socket, program });
  const upgrading = new EarlierTcx({ filters, folder, program });
  const wanted = pods.flatMap(({ ifName, ifIndex }) =>
    podHooks.map(
      (hook) => ({ target: 'interface', ifName, ifIndex, hook, current: true }) as const,
    ),
  );
  return { node, pods, filters, upgrading, wanted, theirs };
}

function mapOf(wanted: readonly AttachedHook[]): ReadonlyMap<string, AttachedHook> {
  return new Map(wanted.map((entry) => [attachmentKey(entry), entry]));
}

function tcxPrograms(
  namespace: NetworkNamespace,
  ifIndexes: readonly IfIndex[],
): readonly number[] {
  return namespace.run(() =>
    ifIndexes
      .flatMap((ifIndex) => [...queryTcx(ifIndex, 'ingress'), ...queryTcx(ifIndex, 'egress')])
      .map(({ programId }) => programId),
  );
}

rootTest('links and programs are removed once, and foreign ones stay', (context) => {
  const { node, pods, filters, upgrading, wanted, theirs } = upgraded(context);
  node.namespace.run(() => {
    throwFirst(filters.attachAll(wanted));
    const stale = upgrading.list(mapOf(wanted)).filter(({ current }) => !current);
    assert.deepEqual(stale.map(attachmentKey), ['pod1/from_pod', 'pod1/to_pod', 'pod2/from_pod']);
    throwFirst(upgrading.attachAll(stale));
    assert.deepEqual(upgrading.list(mapOf(wanted)), wanted);
  });
  const left = tcxPrograms(
    node.namespace,
    pods.map(({ ifIndex }) => ifIndex),
  );
  assert.deepEqual(left, [theirs.info().id]);
  assert.deepEqual(fs.readdirSync(pods[0]?.folder ?? ''), []);
});

rootTest('pins of links whose interfaces were deleted are removed', (context) => {
  const { node, pods, upgrading } = upgraded(context);
  const [{ ifName, folder } = assert.fail()] = pods;
  assert.equal(fs.readdirSync(folder).length, 2);
  runIn(node.namespace, 'ip', 'link', 'delete', ifName);
  assert.deepEqual(upgrading.list(new Map()), []);
  assert.deepEqual(fs.readdirSync(folder), []);
});

async function endpointsOf(place: AgentPlace): Promise<readonly EndpointView[]> {
  return JSON.parse((await get(place, '/v1/endpoints')).text) as EndpointView[];
}

/** Through the stack and back: resolves with ping's output. */
function pingNode(namespace: NetworkNamespace, count: number): Promise<string> {
  const words = ['ping', '-q', '-c', String(count), '-i', '0.002', '-W', '2', '10.200.0.11'];
  const child = spawnIn(namespace, 'busybox', words);
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  return new Promise((resolve) => child.once('close', () => resolve(text)));
}

// Its programs leave packets for the stack to the filters, as those of the first versions would.
function installFirstVersion(place: AgentPlace): (hook: PodHook) => BpfProgram {
  const { object } = compiledWith(
    place.folder,
    (text) => {
      const rule = 'verdict == VERDICT_NEXT ? VERDICT_PASS : verdict';
      assert.ok(text.includes(rule));
      return text.replace(rule, 'verdict');
    },
    'pod.bpf.c',
  );
  const paths = pinPaths(place.pinDir);
  const sizes = {
    endpointEntries: 16,
    addressEntries: 256,
    routeEntries: 16_384,
    flowEntries: 1024,
  };
  const constants = { events_per_second_per_cpu: 1000 };
  const { objectHash } = installObject({ object, sizes, constants }, paths);
  return (hook) => BpfProgram.openPinned(join(paths.programs(objectHash), hook));
}

rootTest(
  'an agent removes them under traffic, and each packet is counted once',
  async (context) => {
    const place = agentPlace(context);
    const first = await startAgent(context, place);
    const pods = [podNamespace(context), podNamespace(context)];
    for (const [index, { path }] of pods.entries()) {
      cni(place, { verb: 'ADD', containerId: `container-${index}`, netns: path });
    }
    const before = await endpointsOf(place);
    const [one, two] = before.map(({ hostIfName: ifName, hostIfIndex }) => ({
      ...{ ifName, ifIndex: hostIfIndex as IfIndex },
      ...{ namespace: place.namespace, folder: pinPaths(place.pinDir).links },
    }));
    assert.ok(one && two);
    const { objectHash } = (await status(place)).datapath;
    assert.equal(await first.end('SIGTERM'), 0);
    using later = BpfProgram.openPinned(
      join(pinPaths(place.pinDir).programs(objectHash), 'from_pod'),
    );
    attachBesideFilters(two, later);
    pinLinks(one, installFirstVersion(place));
    runIn(place.namespace, 'tc', 'qdisc', 'delete', 'dev', one.ifName, 'clsact');
    const byTcx = (): number => tcxPrograms(place.namespace, [one.ifIndex, two.ifIndex]).length;
    assert.equal(byTcx(), 3);

    const count = 1500;
    const pings = pods.map(({ namespace }) => pingNode(namespace, count));
    await startAgent(context, place);
    assert.equal(byTcx(), 0);
    assert.deepEqual(
      fs.readdirSync(one.folder).filter((name) => name.startsWith('hd')),
      [],
    );
    const { health } = await status(place);
    assert.deepEqual(health, { state: 'healthy', reasons: [], problems: [] });
    const texts = await Promise.all(pings);
    const after = await endpointsOf(place);
    assert.deepEqual(
      after.map(({ traffic }, index) => [
        (traffic?.egress.packets ?? 0) - (before[index]?.traffic?.egress.packets ?? 0),
        (traffic?.ingress.packets ?? 0) - (before[index]?.traffic?.ingress.packets ?? 0),
      ]),
      [
        [count, count],
        [count, count],
      ],
      texts.join(''),
    );
    // What came through to_pod has arrived; ping itself may miss one on a busy machine.
    for (const text of texts) assert.match(text, new RegExp(`^${count} packets transmitted`, 'm'));
  },
);

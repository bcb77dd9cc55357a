// Manual changes are repaired within one reconcile period, and the agent reports them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { queryTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { listBlockFilters } from '../../src/kernel/netlink/block-filter.ts';
import { listLinks } from '../../src/kernel/netlink/link.ts';
import type { Link } from '../../src/kernel/netlink/link-record.ts';
import { listClsact } from '../../src/kernel/netlink/qdisc.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { podBlocks } from '../../src/model/ids.ts';
import { curl, eventuallyDefined, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const reconcilePeriodMs = 1000;
/** One period, a settle, and a busy machine. */
const restoredWithinMs = reconcilePeriodMs + 2000;

describe('tampering, native routing', () => {
  const lab = sharedLab({ manifests: threePods, settings: { reconcilePeriodMs } });

  const deeds = [
    {
      what: 'a route to the pods of another node',
      undo: ['ip', 'route', 'delete', '10.201.2.0/24'],
      isThere: async () => (await shell('ip route show 10.201.2.0/24')).includes('via 10.200.0.12'),
    },
    {
      what: 'an IPv6 route to the pods of another node',
      undo: ['ip', '-6', 'route', 'delete', 'fd00:201:2::/64'],
      isThere: async () =>
        (await shell('ip -6 route show fd00:201:2::/64')).includes('via fd00:200::12'),
    },
    {
      what: 'the route to a local pod',
      undo: [
        'sh',
        '-c',
        'ip route delete $(ip -o route show table main | grep -m1 -o "^10.201.1.[0-9]* dev [^ ]*")',
      ],
      isThere: async () =>
        (await shell('ip route show table main')).match(/^10\.201\.1\.\d+ dev/gm)?.length === 2,
    },
    {
      what: 'the nftables table',
      undo: ['nft', 'delete', 'table', 'inet', 'heddle'],
      isThere: async () => (await shell('nft list ruleset')).includes('masquerade'),
    },
    {
      what: "a pod's permanent neighbour entry",
      undo: [
        'sh',
        '-c',
        'ip neigh delete $(ip -o neigh show nud permanent | grep -m1 -o "^10.201.1.[0-9]* dev [^ ]*")',
      ],
      isThere: async () =>
        (await shell('ip neigh show nud permanent')).match(/^10\.201\.1\.\d+ dev/gm)?.length === 2,
    },
    {
      what: 'the neighbour entry of another node',
      undo: ['ip', 'neigh', 'delete', '10.200.0.12', 'dev', 'eth0'],
      isThere: async () =>
        (await shell('ip neigh show 10.200.0.12 dev eth0')).includes('managed extern_learn'),
    },
  ];

  for (const { what, undo, isThere } of deeds) {
    rootTest(`${what} is restored`, async () => {
      assert.equal(await isThere(), true, 'it is there to begin with');
      const before = await restored(lab());
      // That it ends well says that something was taken away; what is heard of at once may be back before the next look.
      await inNode(undo);
      await eventuallyDefined(
        what,
        async () => ((await isThere()) ? true : undefined),
        restoredWithinMs,
      );
      await eventuallyDefined('status counts it', async () =>
        (await restored(lab())) > before ? true : undefined,
      );
    });
  }

  rootTest('deleted and overwritten map entries are restored', async () => {
    const path = join(lab().node('node-1').pins, 'maps/addresses');
    const whole = await dumpMap(path);
    assert.ok(whole.length >= 6, `${whole.length} entries`);
    const [first, second] = whole;
    assert(first !== undefined && second !== undefined);
    await inNode(['bpftool', 'map', 'delete', 'pinned', path, 'key', ...first.key]);
    const wrong = second.value.map(() => '0x00');
    await inNode([
      'bpftool',
      'map',
      'update',
      'pinned',
      path,
      'key',
      ...second.key,
      'value',
      ...wrong,
    ]);
    assert.notDeepEqual(await dumpMap(path), whole);
    await eventuallyDefined(
      'all entries as before',
      async () =>
        JSON.stringify(await dumpMap(path)) === JSON.stringify(whole) ? true : undefined,
      restoredWithinMs,
    );
  });

  rootTest('an unwanted entry is deleted', async () => {
    const path = join(lab().node('node-1').pins, 'maps/addresses');
    const whole = await dumpMap(path);
    const [first] = whole;
    assert(first !== undefined);
    const key = first.key.map((_, index) => (index < 10 ? '0xfd' : '0x99'));
    await inNode([
      'bpftool',
      'map',
      'update',
      'pinned',
      path,
      'key',
      ...key,
      'value',
      ...first.value,
    ]);
    await eventuallyDefined(
      'all entries as before',
      async () =>
        JSON.stringify(await dumpMap(path)) === JSON.stringify(whole) ? true : undefined,
      restoredWithinMs,
    );
  });

  const detaching = [
    { hook: 'from_network', command: 'bpftool link detach pinned $PINS/links/*-from_network' },
    { hook: 'to_pod', command: `tc filter delete block ${podBlocks.egress}` },
    {
      hook: 'from_pod',
      command: 'tc qdisc delete dev $(ip -o link | grep -o "hd[0-9a-f]*" | head -n 1) clsact',
    },
  ] as const;
  for (const { hook, command } of detaching) {
    rootTest(`a detached ${hook} program is attached again, and traffic flows`, async () => {
      const attached = attachedPrograms();
      const before = await restored(lab());
      await shell(`PINS=${lab().node('node-1').pins}; ${command}`);
      // It may be back before the next check.
      await eventuallyDefined('status counts it', async () =>
        (await restored(lab())) > before ? true : undefined,
      );
      await eventuallyDefined(
        'the same programs are attached',
        async () =>
          JSON.stringify(attachedPrograms()) === JSON.stringify(attached) ? true : undefined,
        restoredWithinMs,
      );
      const address = lab().address(lab().pod('db-1'), 4);
      assert.equal((await lab().inPod('web-1', curl(address))).exitCode, 0);
    });
  }

  rootTest('the log reports restored entries', () => {
    const log = readFileSync(lab().node('node-1').log, 'utf8');
    for (const what of ['10.201.2.0/24', 'addresses', 'from_pod']) {
      const lines = log
        .split('\n')
        .filter((line) => line.includes(what) && line.includes('restored an entry'));
      assert.ok(lines.length > 0, `a line about ${what} in\n${log.slice(-3000)}`);
    }
  });

  async function inNode(command: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await lab().inNode('node-1', command);
    assert.equal(exitCode, 0, `${command.join(' ')}: ${stderr}${stdout}`);
    return stdout;
  }

  function shell(command: string): Promise<string> {
    return inNode(['sh', '-c', command]);
  }

  async function dumpMap(path: string): Promise<readonly MapEntry[]> {
    const dump = await inNode(['bpftool', '-j', 'map', 'dump', 'pinned', path]);
    const entries = JSON.parse(dump) as MapEntry[];
    return entries
      .map(({ key, value }) => ({ key, value }))
      .sort((left, right) => (left.key.join() < right.key.join() ? -1 : 1));
  }

  /** Interface, direction and program id, as the kernel has them. */
  function attachedPrograms(): readonly string[] {
    using namespace = NetworkNamespace.open(lab().node('node-1').namespacePath);
    using socket = NetlinkSocket.open({ namespace });
    const pods = [podBlocks.ingress, podBlocks.egress].flatMap((block) =>
      listBlockFilters(socket, block).map(({ programId }) => `pods ${block} ${programId}`),
    );
    const blocks = listClsact(socket).map((found) => JSON.stringify(found));
    const links = namespace.run(() => listLinks(socket).flatMap(programsAt));
    return [...links, ...pods, ...blocks.sort()];
  }
});

interface MapEntry {
  readonly key: readonly string[];
  readonly value: readonly string[];
}

function programsAt({ name, ifIndex }: Link): readonly string[] {
  return (['ingress', 'egress'] as const).flatMap((direction) =>
    queryTcx(ifIndex, direction).map(({ programId }) => `${name} ${direction} ${programId}`),
  );
}

async function restored(lab: TestLab): Promise<number> {
  const { tables } = await lab.status('node-1');
  return tables.reduce((sum, { writes }) => sum + writes.restored, 0);
}

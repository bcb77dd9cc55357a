// The maps of a node get another layout while pods of two nodes communicate through it, also if the agent is killed in
// the middle of the exchange: no packet is lost.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { EndpointView } from '../../src/api/endpoints.ts';
import type { InterfaceAttachment } from '../../src/datapath/attacher.ts';
import type { InterfaceHook } from '../../src/datapath/hooks.ts';
import { queryTcx } from '../../src/kernel/bpf/attach/tcx.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { overlayDeviceName } from '../../src/model/ids.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { eventuallyDefined, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { echoDatagrams } from '../support/lab-traffic.ts';
import { otherVersion, runOtherVersion } from '../support/other-version.ts';
import { rootTest } from '../support/root-test.ts';

const dieAt = fileURLToPath(new URL('./programs/die-at.js', import.meta.url));
const sizes = { endpointEntries: 16, addressEntries: 256, routeEntries: 64, flowEntries: 1024 };

for (const mode of ['native', 'vxlan'] as const) {
  describe(`${mode} routing`, () => {
    const lab = sharedLab({ mode, manifests: threePods, settings: sizes });

    rootTest(
      'an upgrade to another layout of maps loses no packet between nodes',
      async (context) => {
        const folder = mkdtempSync(join(tmpdir(), 'heddle-other-'));
        context.after(() => rmSync(folder, { recursive: true }));
        const object = otherVersion(folder);
        let isDone = false;
        const traffic = bothWays(lab(), () => isDone);
        for (const moment of ['none', 'maps', 'hooks']) {
          await migrate(lab(), object, moment);
        }
        isDone = true;
        const rounds = await traffic;
        for (const { sent, received, missing } of rounds) {
          assert.equal(received, sent, `missing: ${missing.join()}`);
        }
        context.diagnostic(`${rounds.length} rounds of datagrams, none lost`);
      },
    );
  });
}

/** Both ways at once, round after round until it is done, the last one after it. */
async function bothWays(
  lab: TestLab,
  isDone: () => boolean,
): Promise<readonly Awaited<ReturnType<typeof echoDatagrams>>[]> {
  const rounds: Awaited<ReturnType<typeof echoDatagrams>>[] = [];
  const pairs = [
    ['web-1', 'db-1', 4],
    ['db-1', 'web-1', 6],
  ] as const;
  for (let last = false; !last; ) {
    last = isDone();
    const round = pairs.map(([from, to, family]) =>
      echoDatagrams(lab, from, {
        address: lab.address(lab.pod(to), family),
        count: 500,
        intervalMs: 2,
      }),
    );
    rounds.push(...(await Promise.all(round)));
  }
  return rounds;
}

/** On node-2: from this version to the other and back again, the agent dying on the way back at `moment`. */
async function migrate(lab: TestLab, object: Uint8Array, moment: string): Promise<void> {
  const node = lab.node('node-2');
  const { pid } = await lab.status('node-2');
  const attachments = await everyHook(lab);
  await lab.lab.agent('node-2').stop();
  using namespace = NetworkNamespace.open(node.namespacePath);
  const replaced = runOtherVersion({ object, sizes, pinDir: node.pins, namespace, attachments });
  assert.match(replaced.join('\n'), /^addresses: value 12 -> 24 bytes, \d+ entries carried over$/m);

  process.env['NODE_OPTIONS'] = `--import ${dieAt}`;
  process.env['HEDDLE_TEST_MOMENT'] = moment;
  const started = lab.lab.agent('node-2').start();
  // What comes after it does not die.
  delete process.env['NODE_OPTIONS'];
  delete process.env['HEDDLE_TEST_MOMENT'];
  if (moment === 'none') await started;
  else await assert.rejects(started, /ended before it was ready/);
  const after = await eventuallyDefined(
    'an agent is healthy',
    async () => {
      const status = await lab.status('node-2').catch(() => undefined);
      const isNew = status !== undefined && status.pid !== pid;
      return isNew && status.health.state === 'healthy' ? status : undefined;
    },
    20_000,
  );
  assert.equal(after.endpoints, 1);
  const left = attachments.filter(({ hook }) => hook === 'from_pod');
  for (const { ifIndex } of left) {
    assert.deepEqual(
      namespace.run(() => queryTcx(ifIndex, 'ingress')),
      [],
      'removed with the rest',
    );
  }
  assert.ok(after.tables.every(({ desired, applied }) => desired === applied));
}

async function everyHook(lab: TestLab): Promise<readonly InterfaceAttachment[]> {
  const { namespacePath } = lab.node('node-2');
  const endpoints = await lab.ask<readonly EndpointView[]>('node-2', '/v1/endpoints');
  const { datapath } = await lab.status('node-2');
  using namespace = NetworkNamespace.open(namespacePath);
  using socket = NetlinkSocket.open({ namespace });
  const overlay = linkByName(socket, overlayDeviceName);
  const hooks = (ifName: string, ifIndex: number, names: readonly InterfaceHook[]) =>
    names.map(
      (hook) => ({ target: 'interface', ifName, ifIndex: ifIndex as IfIndex, hook }) as const,
    );
  return [
    ...endpoints.flatMap(({ hostIfName, hostIfIndex }) =>
      hooks(hostIfName, hostIfIndex, ['from_pod', 'to_pod']),
    ),
    ...datapath.uplinks.flatMap(({ name, ifIndex }) => hooks(name, ifIndex, ['from_network'])),
    ...(overlay === undefined
      ? []
      : hooks(overlay.name, overlay.ifIndex, ['from_overlay', 'to_overlay'])),
  ];
}

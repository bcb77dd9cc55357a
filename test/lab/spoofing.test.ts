// Forbidden packets from four kinds of senders, in both modes: each with the reason and the sender of its drop, or with
// the proof that no pod received it. All are sent at once, and the results are collected once.

import assert from 'node:assert/strict';
import { before, describe } from 'node:test';
import type { FlowRecord } from '../../src/api/flows.ts';
import { UndoStack } from '../../src/base/undo.ts';
import type { LabMode } from '../../src/lab/record.ts';
import type { AddressFamily } from '../../src/net/address.ts';
import { parseMac } from '../../src/net/mac.ts';
import { Capture } from '../support/capture.ts';
import { forgedCases } from '../support/forged-cases.ts';
import { type FramePort, portOf, sendFrames } from '../support/forged-frames.ts';
import { type ForgedCase, markerText } from '../support/forged-list.ts';
import { echoPod, eventuallyDefined, sharedLab, type TestLab } from '../support/lab.ts';
import { testProgram } from '../support/lab-traffic.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';

const pods = {
  'pods.yaml': [
    echoPod('alice', 'node-1'),
    echoPod('mallory', 'node-1'),
    echoPod('bob', 'node-2'),
    echoPod('dora', 'node-3'),
  ],
};
const receivers = ['alice', 'bob', 'dora', 'world'] as const;

/** What is known once all is sent. */
interface Result {
  readonly cases: readonly ForgedCase[];
  /** Frames as text, by receiver. */
  readonly captured: ReadonlyMap<string, readonly string[]>;
  /** Of node-1, which sees all that is dropped here. */
  readonly dropped: readonly FlowRecord[];
  readonly counts: ReadonlyMap<string, number>;
}

for (const mode of ['native', 'vxlan'] as const) {
  describe(`spoofed packets, mode ${mode}`, () => {
    const lab = sharedLab({ mode, nodes: 3, manifests: pods });
    let result: Result | undefined;
    before(async () => {
      if (reasonToSkip() === undefined) result = await sendAll(lab(), mode);
    });
    const found = (): Result => result ?? assert.fail('nothing was sent');

    rootTest(
      'the table is long enough, and each of its packets has the expected result',
      async (context) => {
        const { cases } = found();
        assert.ok(cases.length >= 120, `${cases.length} packets`);
        const missed = cases.filter((each) => problemOf(each, found()) !== undefined);
        const told = missed.map(
          (each) => `${each.sender}: ${each.what}: ${problemOf(each, found())}`,
        );
        assert.deepEqual(told, []);
        const bySender = ['plain', 'raw', 'world', 'node'].map(
          (name) => `${name} ${cases.filter(({ sender }) => sender === name).length}`,
        );
        context.diagnostic(bySender.join(', '));
      },
    );

    rootTest('each reason is counted once per packet', () => {
      const { cases, counts } = found();
      const wanted = new Map<string, number>();
      for (const { fate } of cases) {
        if (fate.kind !== 'dropped') continue;
        wanted.set(fate.reason, (wanted.get(fate.reason) ?? 0) + 1);
      }
      const counted = new Map(Array.from(wanted.keys(), (reason) => [reason, counts.get(reason)]));
      assert.deepEqual(counted, wanted);
    });

    rootTest('without the nftables table no pod gets more of them', async () => {
      const forged = found().cases.filter(({ fate }) => fate.kind !== 'delivered');
      const captured = await capturing(lab(), async () => {
        const { exitCode, stderr } = await lab().inNode('node-1', [
          ...['nft', 'delete', 'table', 'inet', 'heddle'],
        ]);
        assert.equal(exitCode, 0, stderr);
        await send(lab(), forged);
        await new Promise((resolve) => setTimeout(resolve, 300));
      });
      for (const name of ['alice', 'bob', 'dora']) {
        const texts = captured.get(name) ?? [];
        const got = forged.filter(({ marker }) =>
          texts.some((text) => text.includes(markerText(marker))),
        );
        assert.deepEqual(
          got.map(({ what }) => what),
          [],
          name,
        );
      }
    });

    rootTest('no drop names a pod that did not send it', () => {
      const { dropped } = found();
      assert.ok(dropped.length > 0);
      for (const record of dropped) {
        const sender = senderOf(record);
        assert.ok(sender === undefined || sender === 'mallory', JSON.stringify(record));
      }
    });
  });
}

async function sendAll(lab: TestLab, mode: LabMode): Promise<Result> {
  const ports = portsOf(lab);
  const cases = forgedCases({
    mode,
    address: (name, family) => addressOf(lab, name, family),
    mac: (name) => (name === 'gateway' ? gatewayMac : ports(name).mac),
  });
  await settled(lab);
  const earlier = await drops(lab);
  let dropped: readonly FlowRecord[] = [];
  const captured = await capturing(lab, async () => {
    await send(lab, cases);
    dropped = await eventuallyDefined('every drop in the flow log', () => allDrops(lab, cases));
  });
  const later = await drops(lab);
  const counts = Array.from(
    later,
    ([name, count]) => [name, count - (earlier.get(name) ?? 0)] as const,
  );
  return { cases, captured, dropped, counts: new Map(counts) };
}

/** What the receivers' interfaces see meanwhile. */
async function capturing(
  lab: TestLab,
  body: () => Promise<void>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  using opened = new UndoStack();
  const captures = receivers.map((name) => {
    return [name, opened.use(Capture.start(placeOf(lab, name)))] as const;
  });
  await body();
  const texts = (capture: Capture): readonly string[] =>
    capture.frames().map((bytes) => Buffer.from(bytes).toString('latin1'));
  return new Map(captures.map(([name, capture]) => [name, texts(capture)]));
}

async function send(lab: TestLab, cases: readonly ForgedCase[]): Promise<void> {
  const ports = portsOf(lab);
  await sendPlain(lab, cases);
  const bySender = { raw: 'mallory', world: 'world', node: 'node-2' } as const;
  for (const [sender, from] of Object.entries(bySender)) {
    const frames = cases.filter((each) => each.sender === sender).flatMap((each) => each.frames);
    sendFrames(ports(from), frames);
  }
}

const gatewayMac = parseMac('02:68:65:64:64:6c');

/** Both ways work, so that the first packet of the table finds everything in place. */
async function settled(lab: TestLab): Promise<void> {
  for (const family of [4, 6] as const) {
    const url = `http://${family === 4 ? lab.address(lab.pod('bob'), 4) : `[${lab.address(lab.pod('bob'), 6)}]`}:8080/`;
    const { exitCode, stderr } = await lab.inPod('mallory', [
      'curl',
      '-sS',
      '--max-time',
      '10',
      url,
    ]);
    assert.equal(exitCode, 0, stderr);
  }
}

/** By a user without any capability. */
async function sendPlain(lab: TestLab, cases: readonly ForgedCase[]): Promise<void> {
  const datagrams = cases.flatMap(({ plain, marker }) =>
    plain === undefined
      ? []
      : [{ ...plain, from: marker, payload: Buffer.from(plain.payload).toString('hex') }],
  );
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
  const command = [...nobody, ...testProgram('plain-datagrams')];
  const { exitCode, stderr } = await lab.inPod('mallory', command, JSON.stringify(datagrams));
  assert.equal(exitCode, 0, stderr);
}

/** Once there is one for each packet that has to be dropped. */
async function allDrops(
  lab: TestLab,
  cases: readonly ForgedCase[],
): Promise<readonly FlowRecord[] | undefined> {
  const { stdout } = await lab.heddle('node-1', ['flows', '-o', 'json', '--verdict', 'dropped']);
  const records = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as FlowRecord)
    .filter(({ kind }) => kind === 'flow');
  const wanted = cases.filter(({ fate }) => fate.kind === 'dropped').length;
  return records.length >= wanted ? records : undefined;
}

function problemOf(each: ForgedCase, { captured, dropped }: Result): string | undefined {
  const { fate, marker } = each;
  const seen = (name: string): boolean =>
    captured.get(name)?.some((text) => text.includes(markerText(marker))) ?? false;
  if (fate.kind === 'delivered') return seen(fate.to) ? undefined : `${fate.to} did not get it`;
  const reached = receivers.filter((name) => name !== each.sender && seen(name));
  if (reached.length > 0) return `${reached.join(' and ')} got it`;
  if (fate.kind === 'lost') return undefined;
  const records = each.hasPort
    ? dropped.filter(({ from }) => from.port === marker)
    : dropped.filter(({ reason }) => reason === fate.reason);
  const matching = records.filter(
    (record) => record.reason === fate.reason && senderOf(record) === fate.by,
  );
  if (matching.length > 0) return undefined;
  return `no ${fate.reason} of ${fate.by ?? 'nobody'} but ${JSON.stringify(records)}`;
}

function senderOf({ from, by }: FlowRecord): string | undefined {
  return (by ?? from).pod?.name;
}

async function drops(lab: TestLab): Promise<ReadonlyMap<string, number>> {
  const { total } = (await lab.status('node-1')).drops;
  return new Map(total.map(({ reason, packets }) => [reason, packets]));
}

const elsewhere: Readonly<Record<string, Readonly<Record<AddressFamily, string>>>> = {
  world: { 4: '203.0.113.10', 6: '2001:db8:113::10' },
  'router-1': { 4: '10.201.1.1', 6: 'fd00:201:1::1' },
  'router-2': { 4: '10.201.2.1', 6: 'fd00:201:2::1' },
  far: { 4: '10.201.3.9', 6: 'fd00:201:3::9' },
  nobody: { 4: '10.201.1.99', 6: 'fd00:201:1::99' },
};

function addressOf(lab: TestLab, name: string, family: AddressFamily): string {
  const known = elsewhere[name]?.[family];
  if (known !== undefined) return known;
  return lab.address(name.startsWith('node-') ? lab.node(name) : lab.pod(name), family);
}

function placeOf(lab: TestLab, name: string): { readonly namespacePath: string } {
  if (name === 'world' || name === 'switch') {
    return { namespacePath: lab.node('node-1').namespacePath.replace(/[^/]*$/, name) };
  }
  return name.startsWith('node-') ? lab.node(name) : lab.pod(name);
}

function portsOf(lab: TestLab): (name: string) => FramePort {
  const known = new Map<string, FramePort>();
  return (name) => {
    const port =
      known.get(name) ?? portOf(placeOf(lab, name), name === 'switch' ? 'world' : 'eth0');
    known.set(name, port);
    return port;
  };
}

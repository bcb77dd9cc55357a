import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBytes } from '../../test/support/encode-bytes.ts';
import { unknownEnds } from '../../test/support/flow-ends.ts';
import { type Flow, type FlowKey, flowKeyCodec, flowState } from '../datapath/generated.ts';
import { parseAddress } from '../net/address.ts';
import { protocols } from '../net/protocol.ts';
import { idleSeconds, type SweptTable, sweepFlows } from './flow-sweep.ts';

const nowNs = 100_000e9;
const ack = 0x10;
const syn = 0x02;

function key(protocol: number, lowPort = 1): FlowKey {
  const [low, high] = [parseAddress('192.0.2.1'), parseAddress('192.0.2.2')];
  return { low, high, lowPort, highPort: 80, protocol };
}

function flow(idleS: number, fields: Partial<Flow> = {}): Flow {
  return {
    ...unknownEnds,
    createdNs: 0,
    lastSeenNs: nowNs - idleS * 1e9,
    bytes: [0, 0],
    packets: [0, 0],
    tcpFlags: [ack, ack],
    initiator: 0,
    state: flowState.open,
    ifindex: 1,
    direction: 0,
    path: 0,
    ...fields,
  };
}

async function sweep(entries: [FlowKey, Flow][]): Promise<{
  deleted: number;
  entries: number;
  told: FlowKey[];
  pauses: number;
}> {
  const told: FlowKey[] = [];
  const gone: Uint8Array[] = [];
  let pauses = 0;
  const table: SweptTable = {
    entries: () => entries.map(([k, f]) => [encodeBytes(flowKeyCodec, k), f] as const),
    deleteBatch: (keys) => gone.push(...keys),
  };
  const report = await sweepFlows({
    table,
    nowNs,
    onIdle: (k) => told.push(k),
    pause: async () => void pauses++,
  });
  assert.equal(gone.length, report.deleted);
  return { ...report, told, pauses };
}

const cases: [string, FlowKey, Flow, 'stays' | 'goes' | 'goes and is told'][] = [
  ['UDP within its time', key(protocols.udp), flow(idleSeconds.other - 1), 'stays'],
  ['UDP past its time', key(protocols.udp), flow(idleSeconds.other + 1), 'goes and is told'],
  ['ICMP past its time', key(protocols.icmp), flow(idleSeconds.other + 1), 'goes and is told'],
  ['established TCP for an hour', key(protocols.tcp), flow(3600), 'stays'],
  [
    'established TCP past its time',
    key(protocols.tcp),
    flow(idleSeconds.tcpEstablished + 1),
    'goes and is told',
  ],
  [
    'TCP that was never answered',
    key(protocols.tcp),
    flow(idleSeconds.tcpOpening + 1, { tcpFlags: [syn, 0] }),
    'goes and is told',
  ],
  [
    'TCP that was closed and goes on',
    key(protocols.tcp),
    flow(0, { state: flowState.wentOn }),
    'goes and is told',
  ],
  ['closed TCP just now', key(protocols.tcp), flow(5, { state: flowState.closed }), 'stays'],
  [
    'closed TCP a while ago',
    key(protocols.tcp),
    flow(idleSeconds.tcpClosed + 1, { state: flowState.closed }),
    'goes',
  ],
];

for (const [what, k, f, expected] of cases) {
  test(`${what} ${expected}`, async () => {
    const { deleted, entries, told } = await sweep([[k, f]]);
    assert.equal(deleted, expected === 'stays' ? 0 : 1);
    assert.equal(entries, expected === 'stays' ? 1 : 0);
    assert.deepEqual(told, expected === 'goes and is told' ? [k] : []);
  });
}

test('a large table is walked in parts, so that other work is not delayed', async () => {
  const many = Array.from({ length: 5000 }, (_, port): [FlowKey, Flow] => [
    key(protocols.udp, port + 1),
    flow(port % 2 === 0 ? 0 : 1000),
  ]);
  const { deleted, entries, pauses } = await sweep(many);
  assert.deepEqual({ deleted, entries, pauses }, { deleted: 2500, entries: 2500, pauses: 2 });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointCollection } from '../../test/support/compute-desired.ts';
import type { FlowLine } from '../api/flows.ts';
import { emptyClusterState } from '../cluster/state.ts';
import {
  type DropCounter,
  dropReason,
  type EndpointCounters,
  type EventBudget,
  type FlowEvent,
  flowEventKind,
} from '../datapath/generated.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { parseAddress } from '../net/address.ts';
import { protocols } from '../net/protocol.ts';
import { DropCounts } from './drop-counts.ts';
import { FlowEvents } from './flow-events.ts';
import { FlowLog } from './flow-log.ts';
import { FlowNames } from './flow-names.ts';
import { LedFlows } from './led-flows.ts';
import { TrafficCounts } from './traffic-counts.ts';

test('drops are summed over CPUs, by reason, and counted over the last minute', () => {
  const counters = new Map<number, DropCounter[]>();
  let queued = 0;
  let ruled = 0;
  const drops = new DropCounts(counters, {
    queues: () => queued,
    rules: () => (ruled === 0 ? [] : [{ reason: 'by a rule', packets: ruled, bytes: ruled }]),
  });
  const spoofed = (packets: number): DropCounter[] => [
    { packets, bytes: packets * 60 },
    { packets: 1, bytes: 60 },
  ];
  counters.set(dropReason.spoofedAddress, spoofed(4));
  assert.equal(drops.view(0).lastMinute, 0, 'no sample yet: what is older is not of this minute');
  drops.sample(0);
  counters.set(dropReason.spoofedAddress, spoofed(9));
  assert.deepEqual(drops.view(5000), {
    lastMinute: 5,
    total: [{ reason: 'spoofed address', packets: 10, bytes: 600 }],
  });
  queued = 3;
  assert.deepEqual(drops.view(5000), {
    lastMinute: 8,
    total: [
      { reason: 'spoofed address', packets: 10, bytes: 600 },
      { reason: 'bandwidth limit', packets: 3 },
    ],
  });
  ruled = 2;
  assert.deepEqual(drops.view(5000).total.at(-1), { reason: 'by a rule', packets: 2, bytes: 2 });
  drops.sample(30_000);
  drops.sample(61_000);
  assert.equal(drops.view(61_000).lastMinute, 0);
});

function endpoint(id: number): LocalEndpoint {
  return { id } as LocalEndpoint;
}

function traffic(packets: number): EndpointCounters[] {
  const one = { packets, bytes: packets * 100, droppedPackets: 0 };
  const events = { windowStartNs: 0, used: 0, suppressed: 0 };
  return [{ traffic: [one, { ...one, packets: packets * 2 }], events: [events, events] }];
}

class FakeCounters extends Map<number, EndpointCounters[]> {
  setAll(key: number, value: EndpointCounters): void {
    this.set(key, [value]);
  }
}

test('total traffic only grows, even when endpoints are deleted and slots are reused', () => {
  const counters = new FakeCounters();
  const counts = new TrafficCounts(counters);
  const [first, second] = [endpoint(1), endpoint(1)];
  counters.set(1, traffic(10));
  assert.equal(counts.total([first]).ingress.packets, 10);
  counters.set(1, traffic(15));
  assert.deepEqual(counts.total([first]), {
    ingress: { packets: 15, bytes: 1500, droppedPackets: 0 },
    egress: { packets: 30, bytes: 1500, droppedPackets: 0 },
  });
  counters.set(1, traffic(16));
  counts.end(first);
  assert.equal(counts.total([]).ingress.packets, 16);
  counts.begin(second);
  assert.equal(counts.of(second).egress.packets, 0, 'not what the first had');
  counters.set(1, traffic(2));
  assert.equal(counts.total([second]).ingress.packets, 18);
  counters.set(1, traffic(1));
  assert.equal(counts.total([second]).ingress.packets, 19, 'cleared by somebody else');
});

const event: FlowEvent = {
  timeNs: 1e9,
  createdNs: 1e9,
  source: parseAddress('192.0.2.1'),
  destination: parseAddress('198.51.100.1'),
  sourcePort: 1,
  destinationPort: 2,
  protocol: protocols.udp,
  kind: flowEventKind.new,
  reason: 0,
  direction: 0,
  ifindex: 1,
  tcpFlags: 0,
  frontendPort: 0,
  frontend: parseAddress('::'),
  bytes: [0, 0],
  packets: [0, 0],
};

test('events become lines; events that the data path could not send become a gap and are counted', async () => {
  let budget: EventBudget = { windowStartNs: 0, used: 0, suppressed: 100, lost: 0 };
  const log = new FlowLog();
  const events = new FlowEvents({
    ring: {
      async *batches() {
        yield [event, event];
        yield [event];
      },
    },
    budget: { get: () => [budget, budget] },
    counters: { get: () => undefined },
    names: new FlowNames({
      node: 'node-1',
      cluster: emptyClusterState,
      endpoints: endpointCollection([]),
    }),
    led: new LedFlows(() => assert.fail('no Service')),
    log,
  });
  await events.run(new AbortController().signal);
  events.checkMissed();
  assert.deepEqual(events.totals(), { received: 3, suppressed: 0, lost: 0 }, 'since its start');
  budget = { ...budget, suppressed: 103, lost: 1 };
  events.checkMissed();
  events.checkMissed();
  assert.deepEqual(events.totals(), { received: 3, suppressed: 6, lost: 2 });
  const show = (line: FlowLine): string =>
    line.kind === 'flow' ? line.verdict : `${line.records} ${line.cause}`;
  assert.deepEqual(log.recent().map(show), [
    'allowed',
    'allowed',
    'allowed',
    '6 suppressed',
    '2 ring full',
  ]);
});

test('suppressed events are attributed to pods if they are known', () => {
  const endpoints = [
    { ...endpoint(1), hostIfIndex: 11, addresses: [], pod: { namespace: 'shop', name: 'noisy' } },
    { ...endpoint(2), hostIfIndex: 12, addresses: [], pod: { namespace: 'shop', name: 'loud' } },
    { ...endpoint(3), hostIfIndex: 13, addresses: [], pod: { namespace: 'shop', name: 'quiet' } },
  ] as unknown as readonly LocalEndpoint[];
  const suppressed = new Map([[1, 1000]]);
  let total = 1000;
  const share = (id: number): EndpointCounters[] => {
    const none = { windowStartNs: 0, used: 0, suppressed: 0 };
    const [{ traffic: both }] = traffic(0) as [EndpointCounters];
    return [{ traffic: both, events: [none, { ...none, suppressed: suppressed.get(id) ?? 0 }] }];
  };
  const log = new FlowLog();
  const events = new FlowEvents({
    ring: { batches: () => assert.fail('nothing is read') },
    budget: { get: () => [{ windowStartNs: 0, used: 0, suppressed: total, lost: 0 }] },
    counters: { get: share },
    names: new FlowNames({
      node: 'node-1',
      cluster: emptyClusterState,
      endpoints: endpointCollection(endpoints),
    }),
    led: new LedFlows(() => assert.fail('no Service')),
    log,
  });
  events.checkMissed();
  assert.deepEqual(log.recent(), [], 'what was missing before its start is not told');
  suppressed.set(1, 1010).set(2, 300);
  total = 1330;
  events.checkMissed();
  const told = log
    .recent()
    .map((line) => (line.kind === 'gap' ? [line.by?.pod?.name, line.records] : []));
  assert.deepEqual(told, [
    ['loud', 300],
    ['noisy', 10],
    [undefined, 20],
  ]);
});

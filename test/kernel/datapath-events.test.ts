// Events: the content of drop events, the limits in a flood, and the count of suppressed events.

import assert from 'node:assert/strict';
import { dropReason, flowEventKind, trafficDirection } from '../../src/datapath/generated.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import { protocols } from '../../src/net/protocol.ts';
import { testDatapath } from '../support/datapath.ts';
import {
  db,
  hostSideMac,
  type Pod,
  places,
  strangerIfIndex,
  tunnelDevice,
  web,
} from '../support/datapath-network.ts';
import { ethernet, etherTypes, ip, tcp, tcpFlags } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

const ports = { sourcePort: 40000, destinationPort: 80 };

function syn(source = web[4], destination = db[4]): Uint8Array {
  const segment = tcp({ ...ports, flags: tcpFlags.syn });
  return ethernet(
    { source: web.mac, destination: hostSideMac, type: etherTypes.ipv4 },
    ip({ source, destination, protocol: protocols.tcp }, segment),
  );
}

interface Shape {
  readonly port?: number;
  readonly flags?: number;
  readonly isAnswer?: boolean;
}

/** From a pod; `port` is its own, 80 the other end's. */
function packetOf(pod: Pod, destination: Address, shape: Shape = {}): Uint8Array {
  const { port = 40000, flags = tcpFlags.syn, isAnswer = false } = shape;
  const [sourcePort, destinationPort] = isAnswer ? [80, port] : [port, 80];
  return ethernet(
    { source: pod.mac, destination: hostSideMac, type: etherTypes.ipv4 },
    ip(
      { source: pod[4], destination, protocol: protocols.tcp },
      tcp({ sourcePort, destinationPort, flags }),
    ),
  );
}

const spoofed = syn(db[4]);

rootTest('a drop event has sender, destination, place and reason', (context) => {
  const datapath = testDatapath(context);
  datapath.run('from_pod', spoofed, { ifIndex: web.ifIndex });
  const [event, ...others] = datapath.events.drain();
  assert.deepEqual(others, []);
  assert.ok(event);
  const { timeNs, createdNs, ...fields } = event;
  assert.equal(createdNs, timeNs);
  assert.deepEqual(fields, {
    source: db[4],
    destination: db[4],
    sourcePort: 40000,
    destinationPort: 80,
    protocol: protocols.tcp,
    tcpFlags: tcpFlags.syn,
    frontendPort: 0,
    frontend: parseAddress('::'),
    kind: flowEventKind.drop,
    reason: dropReason.spoofedAddress,
    direction: trafficDirection.egress,
    ifindex: web.ifIndex,
    bytes: [40, 0],
    packets: [1, 0],
  });
});

rootTest('a drop that only the stack can explain is an event, too', (context) => {
  const datapath = testDatapath(context);
  datapath.run('from_pod', syn(web[4], places.nobody[4]), { ifIndex: web.ifIndex });
  const [event] = datapath.events.drain();
  assert.equal(event?.reason, dropReason.noEndpoint);
  assert.equal(event?.destination, places.nobody[4]);
});

rootTest(
  'a flood is counted packet by packet, but its events stay within the budget per second',
  async (context) => {
    // One endpoint has a twentieth for itself, and at most half of the shared budget.
    const datapath = testDatapath(context, { eventsPerSecond: 40 });
    const flood = { ifIndex: web.ifIndex, repeat: 100 };
    datapath.run('from_pod', spoofed, flood);
    assert.equal(datapath.events.drain().length, 22);
    assert.equal(datapath.eventBudget().suppressed, 78);
    assert.equal(datapath.dropCounter(dropReason.spoofedAddress).packets, 100);
    await new Promise((resolve) => setTimeout(resolve, 1050));
    datapath.run('from_pod', spoofed, flood);
    assert.equal(datapath.events.drain().length, 22, 'and again in the next second');
    assert.equal(datapath.eventBudget().suppressed, 156);
    assert.equal(datapath.dropCounter(dropReason.spoofedAddress).packets, 200);
    assert.deepEqual(datapath.eventBudget().lost, 0);
  },
);

rootTest('floods of one pod, and from outside, leave room for the events of others', (context) => {
  const datapath = testDatapath(context, { eventsPerSecond: 40 });
  const flood = { repeat: 1000 };
  const seen = (): number => datapath.events.drain().length;
  const toWorld = (pod: Pod): Uint8Array => packetOf(pod, places.world[4]);
  datapath.run('from_pod', spoofed, { ifIndex: web.ifIndex, ...flood });
  datapath.run('from_pod', spoofed, { ifIndex: strangerIfIndex, ...flood });
  datapath.run('from_overlay', spoofed, { ifIndex: tunnelDevice, ...flood });
  assert.equal(seen(), 22 + 22 + 2, 'all that is shared is spent');
  datapath.run('from_pod', toWorld(db), { ifIndex: db.ifIndex });
  datapath.run('to_pod', spoofed, { ifIndex: web.ifIndex });
  assert.equal(seen(), 2, 'those of another pod, and those of the other direction');
  const [ingress, egress] = datapath.endpointCounters(web.id).events;
  assert.deepEqual([ingress.suppressed, egress.suppressed], [0, 978]);
  assert.equal(datapath.endpointCounters(db.id).events[1].suppressed, 0);
});

rootTest('a sender that opens connections also pays for the events of their ends', (context) => {
  const datapath = testDatapath(context, { eventsPerSecond: 40 });
  for (let port = 1; port <= 50; port++) {
    datapath.run('from_pod', packetOf(web, db[4], { port }), { ifIndex: web.ifIndex });
    const reset = packetOf(db, web[4], { port, flags: tcpFlags.rst, isAnswer: true });
    datapath.run('from_pod', reset, { ifIndex: db.ifIndex });
  }
  assert.equal(datapath.events.drain().length, 22);
  assert.equal(datapath.endpointCounters(web.id).events[1].suppressed, 78);
  assert.equal(datapath.endpointCounters(db.id).events[1].suppressed, 0);
});

rootTest('a flood fills at most half of the ring beyond the guaranteed shares', (context) => {
  const datapath = testDatapath(context, { eventsPerSecond: 20_000 });
  datapath.run('from_pod', spoofed, { ifIndex: web.ifIndex, repeat: 20_000 });
  const { lost, suppressed } = datapath.eventBudget();
  assert.equal(lost, 0);
  assert.ok(suppressed > 10_000);
  datapath.run('from_pod', packetOf(db, places.world[4]), { ifIndex: db.ifIndex });
  assert.equal(datapath.events.drain().at(-1)?.source, db[4]);
});

rootTest('a budget of zero sends no events', (context) => {
  const datapath = testDatapath(context, { eventsPerSecond: 0 });
  datapath.run('from_pod', syn(), { ifIndex: web.ifIndex });
  assert.deepEqual(datapath.events.drain(), []);
  assert.equal(datapath.eventBudget().suppressed, 1);
  assert.equal([...datapath.flows.entries()].length, 1, 'the flow is there all the same');
});

rootTest('a ring without a reader fills up, and lost events are counted', (context) => {
  const datapath = testDatapath(context);
  const repeat = 20_000;
  datapath.run('from_pod', spoofed, { ifIndex: web.ifIndex, repeat });
  const told = datapath.events.drain().length;
  const { lost, suppressed } = datapath.eventBudget();
  assert.ok(told > 1000 && told < repeat, `${told} events in the ring`);
  assert.equal(told + lost, repeat);
  assert.equal(suppressed, 0);
  datapath.run('from_pod', spoofed, { ifIndex: web.ifIndex });
  assert.equal(datapath.events.drain().length, 1, 'a ring that was read takes events again');
});

rootTest(
  'a single event causes no wake-up; a ring that is a quarter full does',
  async (context) => {
    const datapath = testDatapath(context);
    const quiet = 1 << 30;
    const batches = datapath.events.batches({ periodMs: quiet, signal: AbortSignal.timeout(5000) });
    let woken = false;
    const first = batches.next().then((batch) => {
      woken = true;
      return batch;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    datapath.run('from_pod', spoofed, { ifIndex: web.ifIndex, repeat: 1000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(woken, false);
    datapath.run('from_pod', spoofed, { ifIndex: web.ifIndex, repeat: 3000 });
    const { value } = await first;
    assert.ok((value?.length ?? 0) > 1000);
    await batches.return?.();
  },
);

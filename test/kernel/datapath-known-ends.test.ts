// The ends that a flow's entry remembers apply only to these ends: no other sender can use them, and an entry that does
// not match a packet is not used.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dropReason, type Flow, flowWay, maps } from '../../src/datapath/generated.ts';
import { parseMac } from '../../src/net/mac.ts';
import { testDatapath } from '../support/datapath.ts';
import { db, strangerIfIndex, uplink, web } from '../support/datapath-network.ts';
import {
  anotherMac,
  answer,
  clearFlows,
  fromNeighbour,
  fromTunnel,
  onlyFlow,
  passed,
  refusedFor,
  sendPacket,
  third,
  toDb,
  toNeighbour,
  toTunnel,
  toWorld,
  upTheStack,
  webOut,
  webToDb,
} from '../support/flow-packets.ts';
import { families } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

const inWork = 0xffff_ffff;

rootTest('no other sender can use an established flow', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    for (const sending of [toDb, toNeighbour, toTunnel, toWorld]) {
      sendPacket(datapath, sending, { family });
      const frauds: readonly (readonly [object, number])[] = [
        [{ mac: anotherMac }, dropReason.spoofedMac],
        [{ mac: parseMac('00:00:00:00:00:00') }, dropReason.spoofedMac],
        [{ ifIndex: db.ifIndex }, dropReason.spoofedMac],
        [{ ifIndex: db.ifIndex, mac: db.mac }, dropReason.spoofedAddress],
        [{ ifIndex: strangerIfIndex }, dropReason.unknownEndpoint],
        [{ ifIndex: uplink }, dropReason.unknownEndpoint],
      ];
      for (const [fraud, reason] of frauds) {
        const found = sendPacket(datapath, { ...sending, ...fraud }, { family });
        assert.deepEqual({ ...found, ...refusedFor(reason) }, found, JSON.stringify(fraud));
      }
      clearFlows(datapath);
    }
  }
});

rootTest('an end that was only a receiver so far must prove its identity', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    for (const [sending, receiver] of [
      [toDb, db],
      [fromNeighbour, db],
      [fromTunnel, db],
    ] as const) {
      sendPacket(datapath, sending, { family });
      sendPacket(datapath, sending, { family });
      const back = answer(sending, receiver);
      for (const mac of [anotherMac, parseMac('00:00:00:00:00:00')]) {
        const found = sendPacket(datapath, { ...back, mac }, { family, back: true });
        assert.deepEqual({ ...found, ...refusedFor(dropReason.spoofedMac) }, found);
      }
      assert.equal(sendPacket(datapath, back, { family, back: true }).verdict, 'redirect');
      // A pod that claims the other end's address, which is in the entry now.
      const claimed = {
        ...sending,
        program: 'from_pod',
        ifIndex: db.ifIndex,
        mac: db.mac,
      } as const;
      const found = sendPacket(datapath, claimed, { family });
      assert.deepEqual({ ...found, ...refusedFor(dropReason.spoofedAddress) }, found);
      clearFlows(datapath);
    }
  }
});

// The kernel puts 48 bytes before a key; every read of an established flow is on cache lines that it needs anyway.
test('an entry of the flow table is three cache lines', () => {
  const { key, value } = maps.flows;
  assert.equal(48 + key.size + value.size, 3 * 64);
});

rootTest('both ends of a flow are remembered side by side', (context) => {
  const datapath = testDatapath(context);
  const back = answer(toDb, db);
  sendPacket(datapath, toDb, { family: 4 });
  sendPacket(datapath, back, { family: 4, back: true });
  const { end, way, generation } = onlyFlow(datapath);
  assert.deepEqual(way, [flowWay.pod, flowWay.pod]);
  assert.deepEqual(
    end.map(({ ifindex, endpointId }) => [ifindex, endpointId]),
    [
      [web.ifIndex, web.id],
      [db.ifIndex, db.id],
    ],
  );
  datapath.endpoints.delete({ ifindex: web.ifIndex });
  datapath.endpoints.delete({ ifindex: db.ifIndex });
  assert.deepEqual(sendPacket(datapath, toDb, { family: 4 }), webToDb);
  const dbToWeb = passed('redirect', ['web ingress', 'db egress']);
  assert.deepEqual(sendPacket(datapath, back, { family: 4, back: true }), dbToWeb);
  assert.equal(onlyFlow(datapath).generation, generation);
});

rootTest('a packet too long for a remembered path goes to the stack, others do not', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    for (const [sending, fits] of [
      [toNeighbour, 1400],
      [toTunnel, 1350],
    ] as const) {
      sendPacket(datapath, sending, { family });
      assert.deepEqual(sendPacket(datapath, sending, { family, payload: 1490 }), upTheStack);
      assert.deepEqual(sendPacket(datapath, sending, { family, payload: fits }), webOut);
      const long = { family, payload: 2 * fits };
      assert.deepEqual(sendPacket(datapath, sending, { ...long, gsoSize: fits }), webOut);
      assert.deepEqual(sendPacket(datapath, sending, { ...long, gsoSize: 1480 }), upTheStack);
      clearFlows(datapath);
    }
  }
});

rootTest('an entry that is being written is neither followed nor written', (context) => {
  const datapath = testDatapath(context);
  sendPacket(datapath, toDb, { family: 4 });
  const [[key, flow]] = [...datapath.flows.entries()] as [[never, Flow]];
  const wrong = flow.end.map((end) => ({ ...end, endpointId: third.id, ifindex: third.ifIndex }));
  const end = [wrong[0], wrong[1]] as unknown as Flow['end'];
  datapath.flows.set(key, { ...flow, end, generation: inWork });
  assert.deepEqual(sendPacket(datapath, toDb, { family: 4 }), webToDb);
  assert.deepEqual(onlyFlow(datapath).end, end);
  assert.equal(onlyFlow(datapath).generation, inWork);
});

rootTest('an entry with the ends of another flow is not followed', (context) => {
  const datapath = testDatapath(context);
  for (const sending of [toDb, toNeighbour, toWorld]) {
    sendPacket(datapath, sending, { family: 4 });
    const [[key, flow]] = [...datapath.flows.entries()] as [[never, Flow]];
    for (const which of [0, 1]) {
      const end = flow.end.map((each, index) =>
        index === which ? { ...each, address: each.address ^ 1 } : each,
      ) as unknown as Flow['end'];
      datapath.flows.set(key, { ...flow, end });
      datapath.endpoints.delete({ ifindex: web.ifIndex });
      const found = sendPacket(datapath, sending, { family: 4 });
      assert.deepEqual({ ...found, ...refusedFor(dropReason.unknownEndpoint) }, found);
      datapath.endpoints.set(
        { ifindex: web.ifIndex },
        {
          ...{ ipv4: web[4], ipv6: web[6], mac: web.mac, id: web.id, queue: 0 },
        },
      );
    }
    clearFlows(datapath);
  }
});

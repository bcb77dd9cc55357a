// The programs handle an established flow by its entry. Any change of the tables ends that with the next generation.

import assert from 'node:assert/strict';
import { dropReason, locationKind } from '../../src/datapath/generated.ts';
import { beginGeneration } from '../../src/datapath/maps/generation.ts';
import { type AddressFamily, parseAddress } from '../../src/net/address.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import { db, places, web } from '../support/datapath-network.ts';
import type { Outcome } from '../support/datapath-outcome.ts';
import {
  anotherMac,
  clearFlows,
  dismiss,
  fromNeighbour,
  fromTunnel,
  intoDb,
  nativeRange,
  onlyFlow,
  passed,
  refusedFor,
  relocate,
  reroute,
  type Sending,
  sendPacket,
  third,
  toDb,
  toNeighbour,
  toTunnel,
  toWorld,
  tunnelRange,
  untouched,
  upTheStack,
  webOut,
  webToDb,
} from '../support/flow-packets.ts';
import { families } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

interface Change {
  readonly what: string;
  readonly sending: Sending;
  readonly established: Outcome;
  change(datapath: TestDatapath, family: AddressFamily): void;
  readonly changed: Partial<Outcome>;
}

const changes: readonly Change[] = [
  {
    what: 'the receiver was deleted',
    ...{ sending: toDb, established: webToDb },
    change: ({ addresses }, family) => void addresses.delete(db[family]),
    changed: refusedFor(dropReason.noEndpoint, 'pass'),
  },
  {
    what: 'what the receiver gets has to wait in a queue',
    ...{ sending: toDb, established: webToDb },
    change: (datapath, family) => relocate(datapath, db[family], { queued: 1 }),
    changed: webOut,
  },
  {
    what: 'the address became the node’s own',
    ...{ sending: toDb, established: webToDb },
    change: ({ addresses }, family) =>
      addresses.set(db[family], {
        ...{ kind: locationKind.host, ifindex: 0, endpointId: 0, queued: 0 },
      }),
    changed: upTheStack,
  },
  {
    what: 'the sender was deleted',
    ...{ sending: toDb, established: webToDb },
    change: ({ endpoints }) => void endpoints.delete({ ifindex: web.ifIndex }),
    changed: refusedFor(dropReason.unknownEndpoint),
  },
  {
    what: 'the sender has another MAC',
    ...{ sending: toNeighbour, established: webOut },
    change: ({ endpoints }) =>
      endpoints.set(
        { ifindex: web.ifIndex },
        {
          ...{ ipv4: web[4], ipv6: web[6], mac: anotherMac, id: web.id, queue: 0 },
        },
      ),
    changed: refusedFor(dropReason.spoofedMac),
  },
  {
    what: 'the sender has other addresses',
    ...{ sending: toWorld, established: upTheStack },
    change: ({ endpoints }) =>
      endpoints.set(
        { ifindex: web.ifIndex },
        {
          ...{ ipv4: places.nobody[4], ipv6: places.nobody[6], mac: web.mac, id: web.id, queue: 0 },
        },
      ),
    changed: refusedFor(dropReason.spoofedAddress),
  },
  {
    what: 'the way to a neighbour is narrower',
    ...{ sending: toNeighbour, established: webOut },
    change: (datapath, family) => reroute(datapath, nativeRange[family], { mtu: 35 }),
    changed: upTheStack,
  },
  {
    what: 'the way through the tunnel is narrower',
    ...{ sending: toTunnel, established: webOut },
    change: (datapath, family) => reroute(datapath, tunnelRange[family], { mtu: 35 }),
    changed: upTheStack,
  },
  {
    what: 'the node behind the tunnel was deleted',
    ...{ sending: toTunnel, established: webOut },
    change: (datapath, family) => dismiss(datapath, tunnelRange[family]),
    changed: upTheStack,
  },
  {
    what: 'an address of the world is a pod’s now',
    ...{ sending: toWorld, established: upTheStack },
    change: (datapath, family) => relocate(datapath, places.world[family], {}),
    changed: webToDb,
  },
  {
    what: 'the sender is no longer a neighbour’s pod',
    ...{ sending: fromNeighbour, established: intoDb },
    change: (datapath, family) => dismiss(datapath, nativeRange[family]),
    changed: untouched,
  },
  {
    what: 'the receiver of packets from the tunnel was deleted',
    ...{ sending: fromTunnel, established: intoDb },
    change: ({ addresses }, family) => void addresses.delete(db[family]),
    changed: refusedFor(dropReason.noEndpoint, 'next'),
  },
  {
    what: 'what the tunnel brings has to wait in a queue',
    ...{ sending: fromTunnel, established: intoDb },
    change: (datapath, family) => relocate(datapath, db[family], { queued: 1 }),
    changed: passed('redirect', []),
  },
];

for (const { what, sending, established, change, changed } of changes) {
  for (const family of families) {
    rootTest(
      `${what}: an established flow (IPv${family}) follows with the next generation`,
      (context) => {
        const datapath = testDatapath(context);
        sendPacket(datapath, sending, { family });
        assert.deepEqual(sendPacket(datapath, sending, { family }), established);
        change(datapath, family);
        // Code that reads a table for each packet notices at once.
        const remembers = sending.program !== 'from_network' && !isIpv6Route(sending, family);
        if (remembers) {
          assert.deepEqual(
            sendPacket(datapath, sending, { family }),
            established,
            'before the count',
          );
        }
        beginGeneration(datapath.tableGeneration);
        for (const which of ['first', 'next']) {
          const found = sendPacket(datapath, sending, { family });
          assert.deepEqual({ ...found, ...changed }, found, `the ${which} packet after it`);
        }
      },
    );
  }
}

/** Its next hop does not fit in the entry, so its route is read again. */
function isIpv6Route({ to }: Sending, family: AddressFamily): boolean {
  return to === places.native && family === 6;
}

rootTest('a neighbour’s pod stays one within a generation, whatever the routes say', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    sendPacket(datapath, fromNeighbour, { family });
    dismiss(datapath, nativeRange[family]);
    assert.deepEqual(sendPacket(datapath, fromNeighbour, { family }), intoDb);
    beginGeneration(datapath.tableGeneration);
    assert.deepEqual(sendPacket(datapath, fromNeighbour, { family }), untouched);
  }
});

rootTest('a moved pod gets the next packets at its new place', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    for (const sending of [toDb, fromTunnel]) {
      relocate(datapath, db[family], {});
      beginGeneration(datapath.tableGeneration);
      sendPacket(datapath, sending, { family });
      const before = datapath.endpointCounters(third.id).traffic[0].packets;
      relocate(datapath, db[family], { ifindex: third.ifIndex, endpointId: third.id });
      beginGeneration(datapath.tableGeneration);
      sendPacket(datapath, sending, { family });
      sendPacket(datapath, sending, { family });
      assert.equal(datapath.endpointCounters(third.id).traffic[0].packets, before + 2);
      const ends = onlyFlow(datapath).end.map(({ ifindex }) => ifindex);
      assert.ok(ends.includes(third.ifIndex) && !ends.includes(db.ifIndex), ends.join());
      clearFlows(datapath);
    }
  }
});

rootTest('a changed next hop is used for the next packets', (context) => {
  const datapath = testDatapath(context);
  for (const [sending, range] of [
    [toNeighbour, nativeRange],
    [toTunnel, tunnelRange],
  ] as const) {
    sendPacket(datapath, sending, { family: 4 });
    reroute(datapath, range[4], { nextHop: parseAddress('203.0.113.77') });
    beginGeneration(datapath.tableGeneration);
    assert.deepEqual(sendPacket(datapath, sending, { family: 4 }), webOut);
    const remote = onlyFlow(datapath).end.find(({ endpointId }) => endpointId === 0);
    // As in a packet, read as a number of this machine.
    const bytes = new Uint8Array(Uint32Array.of(remote?.link[0] ?? 0).buffer);
    assert.deepEqual([...bytes], [203, 0, 113, 77]);
    clearFlows(datapath);
  }
});

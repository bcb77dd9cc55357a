// An established flow goes by what its entry remembers. A change of the tables ends that with the next generation, whatever
// changed; and nobody becomes another's sender by what an entry says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  dropReason,
  dropReasonNames,
  type Flow,
  flowWay,
  locationKind,
  maps,
  type ProgramName,
} from '../../src/datapath/generated.ts';
import { beginGeneration } from '../../src/datapath/tables/generation.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import { routeKeyOf, type TestDatapath, testDatapath } from '../support/datapath.ts';
import {
  db,
  gatewayMac,
  hostMac,
  type Place,
  type Pod,
  places,
  strangerIfIndex,
  tunnelDevice,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { type Outcome, observe } from '../support/datapath-outcome.ts';
import { ethernet, etherTypes, ip, udp } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

type Family = 4 | 6;
const families = [4, 6] as const;
const anotherMac = parseMac('02:00:5e:10:00:66');
const third = { id: 3, ifIndex: strangerIfIndex };
const inWork = 0xffff_ffff;

interface Sending {
  readonly program: ProgramName;
  readonly ifIndex: IfIndex;
  readonly from: Place;
  readonly to: Place;
  readonly mac: Mac;
}

const toDb: Sending = {
  ...{ program: 'from_pod', ifIndex: web.ifIndex, from: web, to: db, mac: web.mac },
};
const toNeighbour: Sending = { ...toDb, to: places.native };
const toTunnel: Sending = { ...toDb, to: places.tunnelled };
const toWorld: Sending = { ...toDb, to: places.world };
const fromNeighbour: Sending = {
  ...{ program: 'from_network', ifIndex: uplink, from: places.native, to: db, mac: gatewayMac },
};
const fromTunnel: Sending = {
  ...fromNeighbour,
  ...{ program: 'from_overlay', ifIndex: tunnelDevice, from: places.tunnelled },
};

interface Shape {
  readonly family: Family;
  /** Bytes of UDP payload. */
  readonly payload?: number;
  readonly gsoSize?: number;
  /** The answer's ports. */
  readonly back?: boolean;
}

function send(datapath: TestDatapath, sending: Sending, shape: Shape): Outcome {
  const { program, ifIndex, from, to, mac } = sending;
  const { family, payload = 8, back = false, gsoSize } = shape;
  const [sourcePort, destinationPort] = back ? [53, 40000] : [40000, 53];
  const packet = ethernet(
    {
      source: mac,
      destination: program === 'from_pod' ? gatewayMac : hostMac,
      type: family === 4 ? etherTypes.ipv4 : etherTypes.ipv6,
    },
    ip(
      { source: from[family], destination: to[family], protocol: protocols.udp },
      udp({ sourcePort, destinationPort }, new Uint8Array(payload)),
    ),
  );
  const options = { ifIndex, ...(gsoSize === undefined ? {} : { gsoSize, gsoSegments: 2 }) };
  return observe(datapath, program, packet, options).outcome;
}

function answer(sending: Sending, sender: Pod): Sending {
  const { from, to } = sending;
  return { program: 'from_pod', ifIndex: sender.ifIndex, from: to, to: from, mac: sender.mac };
}

/** What a packet that nothing is done to but counting shows. */
function passed(verdict: string, counted: readonly string[]): Outcome {
  return { verdict, dropped: [], charged: [], counted, events: [] };
}

function refused(reason: number, verdict = 'drop'): Partial<Outcome> {
  return { verdict, dropped: [dropReasonNames[reason] ?? ''] };
}

function onlyFlow(datapath: TestDatapath): Flow {
  const all = [...datapath.flows.entries()];
  assert.equal(all.length, 1);
  return all[0]?.[1] ?? assert.fail('no flow');
}

function clear(datapath: TestDatapath): void {
  datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
}

/** Puts an address of db's elsewhere. */
function relocate(
  { addresses }: TestDatapath,
  address: Address,
  fields: { readonly ifindex?: number; readonly endpointId?: number; readonly queued?: number },
): void {
  const db_ = { kind: locationKind.endpoint, ifindex: db.ifIndex, endpointId: db.id, queued: 0 };
  addresses.set(address, { ...db_, ...fields });
}

const nativeRange = { 4: '198.51.100.0/25', 6: '2001:db8:2::/64' } as const;
const tunnelRange = { 4: '198.51.100.128/26', 6: '2001:db8:3::/64' } as const;

function reroute({ routes }: TestDatapath, prefix: string, fields: object): void {
  const key = routeKeyOf(prefix);
  const route = routes.get(key) ?? assert.fail(prefix);
  routes.set(key, { ...route, ...fields });
}

function dismiss({ routes }: TestDatapath, prefix: string): void {
  routes.delete(routeKeyOf(prefix));
}

interface Change {
  readonly what: string;
  readonly sending: Sending;
  readonly established: Outcome;
  change(datapath: TestDatapath, family: Family): void;
  readonly changed: Partial<Outcome>;
}

const webToDb = passed('redirect', ['web egress', 'db ingress']);
const webOut = passed('redirect', ['web egress']);
const intoDb = passed('redirect', ['db ingress']);
const upTheStack = passed('next', ['web egress']);
const untouched = passed('next', []);

const changes: readonly Change[] = [
  {
    what: 'the receiver has gone',
    ...{ sending: toDb, established: webToDb },
    change: ({ addresses }, family) => void addresses.delete(db[family]),
    changed: refused(dropReason.noEndpoint, 'next'),
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
    what: 'the sender has gone',
    ...{ sending: toDb, established: webToDb },
    change: ({ endpoints }) => void endpoints.delete({ ifindex: web.ifIndex }),
    changed: refused(dropReason.unknownEndpoint),
  },
  {
    what: 'the sender has another MAC',
    ...{ sending: toNeighbour, established: webOut },
    change: ({ endpoints }) =>
      endpoints.set(
        { ifindex: web.ifIndex },
        {
          ...{ ipv4: web[4], ipv6: web[6], mac: anotherMac, id: web.id },
        },
      ),
    changed: refused(dropReason.spoofedMac),
  },
  {
    what: 'the sender has other addresses',
    ...{ sending: toWorld, established: upTheStack },
    change: ({ endpoints }) =>
      endpoints.set(
        { ifindex: web.ifIndex },
        {
          ...{ ipv4: places.nobody[4], ipv6: places.nobody[6], mac: web.mac, id: web.id },
        },
      ),
    changed: refused(dropReason.spoofedAddress),
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
    what: 'the node behind the tunnel has gone',
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
    what: 'the sender is no neighbour’s pod any more',
    ...{ sending: fromNeighbour, established: intoDb },
    change: (datapath, family) => dismiss(datapath, nativeRange[family]),
    changed: untouched,
  },
  {
    what: 'the receiver of what the tunnel brings has gone',
    ...{ sending: fromTunnel, established: intoDb },
    change: ({ addresses }, family) => void addresses.delete(db[family]),
    changed: refused(dropReason.noEndpoint, 'next'),
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
      `${what}: an established flow (IPv${family}) knows with the next generation`,
      (context) => {
        const datapath = testDatapath(context);
        send(datapath, sending, { family });
        assert.deepEqual(send(datapath, sending, { family }), established);
        change(datapath, family);
        // What reads a table for each packet knows at once.
        const remembers = sending.program !== 'from_network' && !isIpv6Route(sending, family);
        if (remembers) {
          assert.deepEqual(send(datapath, sending, { family }), established, 'before the count');
        }
        beginGeneration(datapath.tableGeneration);
        for (const which of ['first', 'next']) {
          const found = send(datapath, sending, { family });
          assert.deepEqual({ ...found, ...changed }, found, `the ${which} packet after it`);
        }
      },
    );
  }
}

/** Its next hop has no room in the entry, so that its route is read again. */
function isIpv6Route({ to }: Sending, family: Family): boolean {
  return to === places.native && family === 6;
}

rootTest('a neighbour’s pod stays one within a generation, whatever the routes say', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    send(datapath, fromNeighbour, { family });
    dismiss(datapath, nativeRange[family]);
    assert.deepEqual(send(datapath, fromNeighbour, { family }), intoDb);
    beginGeneration(datapath.tableGeneration);
    assert.deepEqual(send(datapath, fromNeighbour, { family }), untouched);
  }
});

rootTest('a pod that moved gets the next packets where it is now', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    for (const sending of [toDb, fromTunnel]) {
      relocate(datapath, db[family], {});
      beginGeneration(datapath.tableGeneration);
      send(datapath, sending, { family });
      const before = datapath.endpointCounters(third.id).traffic[0].packets;
      relocate(datapath, db[family], { ifindex: third.ifIndex, endpointId: third.id });
      beginGeneration(datapath.tableGeneration);
      send(datapath, sending, { family });
      send(datapath, sending, { family });
      assert.equal(datapath.endpointCounters(third.id).traffic[0].packets, before + 2);
      const ends = onlyFlow(datapath).end.map(({ ifindex }) => ifindex);
      assert.ok(ends.includes(third.ifIndex) && !ends.includes(db.ifIndex), ends.join());
      clear(datapath);
    }
  }
});

rootTest('a next hop that changed is the one of the next packets', (context) => {
  const datapath = testDatapath(context);
  for (const [sending, range] of [
    [toNeighbour, nativeRange],
    [toTunnel, tunnelRange],
  ] as const) {
    send(datapath, sending, { family: 4 });
    reroute(datapath, range[4], { nextHop: parseAddress('203.0.113.77') });
    beginGeneration(datapath.tableGeneration);
    assert.deepEqual(send(datapath, sending, { family: 4 }), webOut);
    const remote = onlyFlow(datapath).end.find(({ endpointId }) => endpointId === 0);
    // As it stands in a packet, read as a number of this machine.
    const bytes = new Uint8Array(Uint32Array.of(remote?.link[0] ?? 0).buffer);
    assert.deepEqual([...bytes], [203, 0, 113, 77]);
    clear(datapath);
  }
});

rootTest('nobody else can send on an established flow', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    for (const sending of [toDb, toNeighbour, toTunnel, toWorld]) {
      send(datapath, sending, { family });
      const frauds: readonly (readonly [object, number])[] = [
        [{ mac: anotherMac }, dropReason.spoofedMac],
        [{ mac: parseMac('00:00:00:00:00:00') }, dropReason.spoofedMac],
        [{ ifIndex: db.ifIndex }, dropReason.spoofedMac],
        [{ ifIndex: db.ifIndex, mac: db.mac }, dropReason.spoofedAddress],
        [{ ifIndex: strangerIfIndex }, dropReason.unknownEndpoint],
        [{ ifIndex: uplink }, dropReason.unknownEndpoint],
      ];
      for (const [fraud, reason] of frauds) {
        const found = send(datapath, { ...sending, ...fraud }, { family });
        assert.deepEqual({ ...found, ...refused(reason) }, found, JSON.stringify(fraud));
      }
      clear(datapath);
    }
  }
});

rootTest('an end that was only ever a receiver has to show who it is', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    for (const [sending, receiver] of [
      [toDb, db],
      [fromNeighbour, db],
      [fromTunnel, db],
    ] as const) {
      send(datapath, sending, { family });
      send(datapath, sending, { family });
      const back = answer(sending, receiver);
      for (const mac of [anotherMac, parseMac('00:00:00:00:00:00')]) {
        const found = send(datapath, { ...back, mac }, { family, back: true });
        assert.deepEqual({ ...found, ...refused(dropReason.spoofedMac) }, found);
      }
      assert.equal(send(datapath, back, { family, back: true }).verdict, 'redirect');
      // A pod that claims the other end's address, which the entry knows by now.
      const claimed = {
        ...sending,
        program: 'from_pod',
        ifIndex: db.ifIndex,
        mac: db.mac,
      } as const;
      const found = send(datapath, claimed, { family });
      assert.deepEqual({ ...found, ...refused(dropReason.spoofedAddress) }, found);
      clear(datapath);
    }
  }
});

// The kernel puts 48 bytes before a key; whatever is read of an established flow is on lines that it needs anyway.
test('an entry of the flow table is three cache lines', () => {
  const { key, value } = maps.flows;
  assert.equal(48 + key.size + value.size, 3 * 64);
});

rootTest('both ends of a flow are remembered side by side', (context) => {
  const datapath = testDatapath(context);
  const back = answer(toDb, db);
  send(datapath, toDb, { family: 4 });
  send(datapath, back, { family: 4, back: true });
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
  assert.deepEqual(send(datapath, toDb, { family: 4 }), webToDb);
  const dbToWeb = passed('redirect', ['web ingress', 'db egress']);
  assert.deepEqual(send(datapath, back, { family: 4, back: true }), dbToWeb);
  assert.equal(onlyFlow(datapath).generation, generation);
});

rootTest(
  'a packet that is too long for a remembered way goes up the stack, others not',
  (context) => {
    const datapath = testDatapath(context);
    for (const family of families) {
      for (const [sending, fits] of [
        [toNeighbour, 1400],
        [toTunnel, 1350],
      ] as const) {
        send(datapath, sending, { family });
        assert.deepEqual(send(datapath, sending, { family, payload: 1490 }), upTheStack);
        assert.deepEqual(send(datapath, sending, { family, payload: fits }), webOut);
        const long = { family, payload: 2 * fits };
        assert.deepEqual(send(datapath, sending, { ...long, gsoSize: fits }), webOut);
        assert.deepEqual(send(datapath, sending, { ...long, gsoSize: 1480 }), upTheStack);
        clear(datapath);
      }
    }
  },
);

rootTest('an entry that is being written is neither followed nor written', (context) => {
  const datapath = testDatapath(context);
  send(datapath, toDb, { family: 4 });
  const [[key, flow]] = [...datapath.flows.entries()] as [[never, Flow]];
  const wrong = flow.end.map((end) => ({ ...end, endpointId: third.id, ifindex: third.ifIndex }));
  const end = [wrong[0], wrong[1]] as unknown as Flow['end'];
  datapath.flows.set(key, { ...flow, end, generation: inWork });
  assert.deepEqual(send(datapath, toDb, { family: 4 }), webToDb);
  assert.deepEqual(onlyFlow(datapath).end, end);
  assert.equal(onlyFlow(datapath).generation, inWork);
});

rootTest('an entry that holds another flow’s ends is not followed', (context) => {
  const datapath = testDatapath(context);
  for (const sending of [toDb, toNeighbour, toWorld]) {
    send(datapath, sending, { family: 4 });
    const [[key, flow]] = [...datapath.flows.entries()] as [[never, Flow]];
    for (const which of [0, 1]) {
      const end = flow.end.map((each, index) =>
        index === which ? { ...each, address: each.address ^ 1 } : each,
      ) as unknown as Flow['end'];
      datapath.flows.set(key, { ...flow, end });
      datapath.endpoints.delete({ ifindex: web.ifIndex });
      const found = send(datapath, sending, { family: 4 });
      assert.deepEqual({ ...found, ...refused(dropReason.unknownEndpoint) }, found);
      datapath.endpoints.set(
        { ifindex: web.ifIndex },
        {
          ...{ ipv4: web[4], ipv6: web[6], mac: web.mac, id: web.id },
        },
      );
    }
    clear(datapath);
  }
});

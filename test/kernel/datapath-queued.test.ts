// A pod whose ingress is limited gets its packets through the queue of its veth, and counts them there, once.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { locationKind, type ProgramName } from '../../src/datapath/generated.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import type { Mac } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import {
  db,
  gatewayMac,
  hostMac,
  type Place,
  places,
  tunnelDevice,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { observe } from '../support/datapath-outcome.ts';
import { ethernet, etherTypes, ip, tcp, tcpFlags } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

type Family = 4 | 6;

/** `db` is the limited one. */
function limitedDatapath(context: TestContext): TestDatapath {
  const datapath = testDatapath(context);
  const location = { kind: locationKind.endpoint, ifindex: db.ifIndex, endpointId: db.id };
  for (const family of [4, 6] as const) {
    datapath.addresses.set(db[family], { ...location, queued: 1 });
  }
  return datapath;
}

function toDb(family: Family, sender: Place, macs: Pick<Way, 'source' | 'destination'>) {
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  const segment = tcp(
    { sourcePort: 40000, destinationPort: 80, flags: tcpFlags.syn },
    new Uint8Array(),
  );
  const header = { source: sender[family], destination: db[family], protocol: protocols.tcp };
  return ethernet({ ...macs, type }, ip(header, segment));
}

interface Way {
  readonly program: ProgramName;
  readonly ifIndex: IfIndex;
  readonly sender: Place;
  readonly source: Mac;
  readonly destination: Mac;
  /** Before the queue. */
  readonly counted: readonly string[];
}

const ways: readonly Way[] = [
  {
    program: 'from_pod',
    ifIndex: web.ifIndex,
    sender: web,
    source: web.mac,
    destination: gatewayMac,
    counted: ['web egress'],
  },
  {
    program: 'from_network',
    ifIndex: uplink,
    sender: places.native,
    source: gatewayMac,
    destination: hostMac,
    counted: [],
  },
  {
    program: 'from_overlay',
    ifIndex: tunnelDevice,
    sender: places.tunnelled,
    source: gatewayMac,
    destination: hostMac,
    counted: [],
  },
];

for (const way of ways) {
  for (const family of [4, 6] as const) {
    rootTest(`${way.program} leaves the receiver to to_pod, IPv${family}`, (context) => {
      const datapath = limitedDatapath(context);
      const packet = toDb(family, way.sender, way);
      const before = observe(datapath, way.program, packet, { ifIndex: way.ifIndex }).outcome;
      assert.equal(before.verdict, 'redirect');
      assert.deepEqual(before.counted, way.counted);
      assert.deepEqual([...before.events, ...before.dropped], []);
      assert.equal(datapath.flows.count(), 0);

      const queued = toDb(family, way.sender, { source: gatewayMac, destination: db.mac });
      const after = observe(datapath, 'to_pod', queued, { ifIndex: db.ifIndex }).outcome;
      assert.equal(after.verdict, 'pass');
      assert.deepEqual(after.counted, ['db ingress']);
      assert.equal(after.events.length, 1);
      assert.equal(datapath.flows.count(), 1);
    });
  }
}

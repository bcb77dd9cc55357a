// Random packets, most of them valid at first and then damaged, against the oracle: the same verdict, the same reason,
// and every packet counted. HEDDLE_SEED=N repeats a run, HEDDLE_PACKETS=N makes it longer.

import assert from 'node:assert/strict';
import { dropReason, dropReasonNames, type ProgramName } from '../../src/datapath/generated.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { protocols } from '../../src/net/protocol.ts';
import { testDatapath } from '../support/datapath.ts';
import {
  db,
  type Place,
  type Pod,
  places,
  strangerIfIndex,
  tunnelDevice,
  uplink,
  web,
} from '../support/datapath-network.ts';
import { type Judgement, judge, macOn } from '../support/datapath-oracle.ts';
import { verdictName } from '../support/datapath-outcome.ts';
import {
  ethernet,
  etherTypes,
  extension,
  fragment,
  icmpEcho,
  ip,
  nextHeaders,
  sctp,
  tcp,
  udp,
} from '../support/packets.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { rootTest } from '../support/root-test.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
const packetCount = Number(process.env['HEDDLE_PACKETS'] ?? 20_000);

interface Trial {
  readonly program: ProgramName;
  readonly ifIndex: IfIndex;
  readonly packet: Uint8Array;
}

const hooks: readonly (readonly [ProgramName, readonly IfIndex[]])[] = [
  ['from_pod', [web.ifIndex, web.ifIndex, web.ifIndex, db.ifIndex, strangerIfIndex]],
  ['to_pod', [db.ifIndex]],
  ['from_network', [uplink]],
  ['from_overlay', [tunnelDevice]],
];
const everyPlace = [web, db, db, ...Object.values(places)];
const podMacs = [web.mac, web.mac, web.mac, db.mac];

function randomTrial(random: Random): Trial {
  const [program, ifIndexes] = random.pick(hooks);
  const ifIndex = random.pick(ifIndexes);
  const family = random.pick([4, 6] as const);
  const source = random.oneIn(8) ? random.pick(everyPlace) : usualSource(ifIndex);
  const { protocol, payload } = randomBody(random, family);
  const header = {
    source: source[family],
    destination: random.pick(everyPlace)[family],
    protocol,
    options: new Uint8Array(random.oneIn(4) ? random.below(11) * 4 : 0),
    ...(random.oneIn(10) ? { fragmentOffset: random.below(8) * 8 } : {}),
    moreFragments: random.oneIn(10),
  };
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  const sourceMac = ifIndex === db.ifIndex ? db.mac : random.pick(podMacs);
  const macs = { source: sourceMac, destination: macOn(program) };
  const packet = damaged(random, ethernet({ ...macs, type }, ip(header, payload)));
  return { program, ifIndex, packet };
}

function usualSource(ifIndex: IfIndex): Place {
  if (ifIndex === uplink) return places.native;
  if (ifIndex === tunnelDevice) return places.tunnelled;
  return ifIndex === db.ifIndex ? db : web;
}

function randomBody(random: Random, family: 4 | 6): { protocol: number; payload: Uint8Array } {
  const size = random.oneIn(6) ? random.below(1600) : random.below(40);
  const data = new Uint8Array(size);
  const ports = { sourcePort: random.below(4), destinationPort: random.below(4) };
  const flags = random.below(256);
  const bodies: readonly (readonly [number, Uint8Array])[] = [
    [protocols.tcp, tcp({ ...ports, flags, dataOffset: 5 + random.below(4) }, data)],
    [protocols.udp, udp(ports, data)],
    [protocols.sctp, sctp(ports, data)],
    [protocols.icmp, icmpEcho(4, { id: random.below(4) })],
    [protocols.icmpv6, icmpEcho(6, { id: random.below(4) })],
    [random.below(256), data],
  ];
  let [protocol, payload] = random.pick(bodies);
  const depth = family === 6 && random.oneIn(2) ? random.below(9) : 0;
  for (let i = 0; i < depth; i++) [protocol, payload] = wrapped(random, protocol, payload);
  return { protocol, payload };
}

function wrapped(random: Random, next: number, payload: Uint8Array): [number, Uint8Array] {
  const { hopByHop, routing, authentication, destinationOptions } = nextHeaders;
  if (random.oneIn(6)) {
    const offset = random.oneIn(2) ? 0 : random.below(100) * 8;
    return [nextHeaders.fragment, fragment({ next, offset }, payload)];
  }
  const kind = random.pick([hopByHop, routing, authentication, destinationOptions]);
  return [kind, extension({ kind, next, length: 8 + random.below(5) * 8 }, payload)];
}

const tellingBytes = [0, 1, 4, 5, 6, 17, 43, 44, 51, 58, 59, 60, 127, 128, 132, 254, 255];
// The kernel's test run refuses shorter IP packets before the program sees them.
const shortest = 54;

function damaged(random: Random, packet: Uint8Array): Uint8Array {
  let result = packet;
  for (let damages = random.pick([0, 0, 1, 1, 2, 4]); damages > 0; damages--) {
    if (random.oneIn(4)) {
      const length = shortest + random.below(Math.max(1, result.length - shortest));
      result = result.slice(0, Math.max(shortest, length));
    }
    const at = random.below(Math.min(result.length, random.oneIn(3) ? result.length : 60));
    const value = random.oneIn(2) ? random.pick(tellingBytes) : random.below(256);
    result = result.slice();
    result[at] = value;
  }
  return result;
}

rootTest(`random packets of seed ${seed} end as the oracle says`, (context) => {
  const datapath = testDatapath(context);
  const random = seededRandom(seed);
  const judgements: Judgement[] = [];
  for (let i = 0; i < packetCount; i++) {
    const { program, ifIndex, packet } = randomTrial(random);
    const expected = judge(program, packet, ifIndex);
    const { verdict } = datapath.run(program, packet, { ifIndex });
    const found = { verdict: verdictName(verdict), reason: lastReason(datapath) };
    const told = isNoise(expected.reason) ? dropReason.none : expected.reason;
    assert.deepEqual(
      found,
      { verdict: expected.verdict, reason: dropReasonNames[told] },
      `seed ${seed}, packet ${i}, ${program}: ${Buffer.from(packet).toString('hex')}`,
    );
    judgements.push(expected);
    // A flow that came through the stack stays there: the oracle judges each packet by itself.
    if (program === 'to_pod') {
      datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
    }
  }
  assertCounted(datapath, judgements);
});

function isNoise(reason: number): boolean {
  return reason === dropReason.linkLocal || reason === dropReason.notIp;
}

type Datapath = ReturnType<typeof testDatapath>;

function lastReason(datapath: Datapath): string | undefined {
  const reasons = datapath.events.drain().map(({ reason }) => reason);
  return dropReasonNames[Math.max(0, ...reasons)];
}

function assertCounted(datapath: Datapath, judgements: readonly Judgement[]): void {
  const seen = new Set<number>();
  for (const reason of Object.values(dropReason)) {
    const expected = judgements.filter((judgement) => judgement.reason === reason).length;
    if (reason === dropReason.none) continue;
    assert.equal(datapath.dropCounter(reason).packets, expected, dropReasonNames[reason]);
    if (expected > 0) seen.add(reason);
  }
  assert.ok(seen.size >= 8, `only ${seen.size} reasons were met`);
  const passed = (name: 'sender' | 'receiver', pod: Pod): number =>
    judgements.filter((judgement) => judgement[name] === pod).length;
  for (const pod of [web, db]) {
    const [ingress, egress] = datapath.endpointCounters(pod.id).traffic;
    assert.equal(egress.packets, passed('sender', pod));
    assert.equal(ingress.packets, passed('receiver', pod));
  }
}

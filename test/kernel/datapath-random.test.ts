// Random packets, most of them valid at first and then damaged, compared with the oracle: the same verdict, the same
// reason, and every packet counted. HEDDLE_SEED=N repeats a run, HEDDLE_PACKETS=N makes it longer.

import assert from 'node:assert/strict';
import { dropReason, dropReasonNames } from '../../src/datapath/generated.ts';
import { giveExit, testDatapath } from '../support/datapath.ts';
import { db, type Pod, places, web } from '../support/datapath-network.ts';
import { type Judgement, judgePacket } from '../support/datapath-oracle.ts';
import { verdictName } from '../support/datapath-outcome.ts';
import { readOuter } from '../support/outer-headers.ts';
import { seededRandom } from '../support/random.ts';
import { damaged, judgedHooks, randomPacket } from '../support/random-packets.ts';
import { rootTest } from '../support/root-test.ts';
import { addFrontend, addList, choiceOf, refusedChoice } from '../support/service-packets.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
const packetCount = Number(process.env['HEDDLE_PACKETS'] ?? 20_000);

rootTest(`random packets of seed ${seed} match the oracle`, (context) => {
  compare(testDatapath(context));
});

rootTest(`random packets of seed ${seed} match it with Services outside the cluster`, (context) => {
  const datapath = testDatapath(context, { services: true });
  addList(datapath, 1, [7]);
  for (const address of [places.world, places.otherNode]) {
    addFrontend(datapath, { address, port: 1, inside: choiceOf(1) });
    addFrontend(datapath, { address, port: 2, inside: refusedChoice });
    addFrontend(datapath, { address, port: 0, inside: refusedChoice });
  }
  compare(datapath);
});

/** A Service's packets take the stack, as do all packets to its address without it. */
function compare(datapath: Datapath): void {
  giveExit(datapath);
  const random = seededRandom(seed);
  const judgements: Judgement[] = [];
  for (let i = 0; i < packetCount; i++) {
    const [program, ifIndexes] = random.pick(judgedHooks);
    const ifIndex = random.pick(ifIndexes);
    const packet = damaged(random, randomPacket(random, program, ifIndex));
    const expected = judgePacket(program, packet, ifIndex);
    if (expected.byFlow) forgetFlows(datapath);
    const { verdict, packet: sent } = datapath.run(program, packet, { ifIndex });
    const found = { verdict: verdictName(verdict), reason: lastReason(datapath) };
    const told = isNoise(expected.reason) ? dropReason.none : expected.reason;
    assert.deepEqual(
      found,
      { verdict: expected.verdict, reason: dropReasonNames[told] },
      `seed ${seed}, packet ${i}, ${program}: ${Buffer.from(packet).toString('hex')}`,
    );
    const inner = expected.tunnelled ? readOuter(sent).inner : sent;
    assert.deepEqual(
      Buffer.from(inner).toString('hex'),
      Buffer.from(packet).toString('hex'),
      `seed ${seed}, packet ${i}, ${program}`,
    );
    judgements.push(expected);
    // A flow that came through the stack stays there: the oracle judges each packet by itself.
    if (program === 'to_pod' || expected.byFlow) forgetFlows(datapath);
  }
  assertCounted(datapath, judgements);
}

function isNoise(reason: number): boolean {
  return reason === dropReason.linkLocal || reason === dropReason.notIp;
}

type Datapath = ReturnType<typeof testDatapath>;

function forgetFlows({ flows }: Datapath): void {
  flows.deleteBatch([...flows.entries()].map(([key]) => key));
}

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

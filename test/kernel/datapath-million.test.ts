// Very many mutated packets through each program: only its valid verdicts occur, and every dropped packet is counted
// with a reason. HEDDLE_MUTATIONS=N sets the number for each program, HEDDLE_SEED=N repeats a run.

import assert from 'node:assert/strict';
import { dropReason, dropReasonNames, type ProgramName } from '../../src/datapath/generated.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { giveExit, type TestDatapath, testDatapath } from '../support/datapath.ts';
import { db, tunnelDevice, web } from '../support/datapath-network.ts';
import { judgePacket } from '../support/datapath-oracle.ts';
import { verdictName } from '../support/datapath-outcome.ts';
import { mill } from '../support/packet-mill.ts';
import { seededRandom } from '../support/random.ts';
import { judgedHooks } from '../support/random-packets.ts';
import { rootTest } from '../support/root-test.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
const packets = Number(process.env['HEDDLE_MUTATIONS'] ?? 1_000_000);
const sampleEvery = 500;

interface Case {
  readonly program: ProgramName;
  readonly ifIndexes: readonly IfIndex[];
  readonly verdicts: readonly string[];
  /** The number of passed packets that count for some pod, in this direction. */
  readonly counted?: { readonly direction: 0 | 1; readonly verdicts: readonly string[] };
}

const ingress = 0;
const egress = 1;
const interfaces = new Map(judgedHooks);

const cases: readonly Case[] = [
  {
    program: 'from_pod',
    ifIndexes: interfaces.get('from_pod') ?? [],
    verdicts: ['drop', 'pass', 'redirect'],
    counted: { direction: egress, verdicts: ['pass', 'redirect'] },
  },
  {
    program: 'to_pod',
    ifIndexes: interfaces.get('to_pod') ?? [],
    verdicts: ['drop', 'pass'],
    counted: { direction: ingress, verdicts: ['pass'] },
  },
  {
    program: 'from_network',
    ifIndexes: interfaces.get('from_network') ?? [],
    verdicts: ['drop', 'next', 'redirect'],
    counted: { direction: ingress, verdicts: ['redirect'] },
  },
  {
    program: 'from_overlay',
    ifIndexes: interfaces.get('from_overlay') ?? [],
    verdicts: ['drop', 'next', 'redirect'],
    counted: { direction: ingress, verdicts: ['redirect'] },
  },
  { program: 'to_overlay', ifIndexes: [tunnelDevice], verdicts: ['drop', 'next'] },
];

for (const { program, ifIndexes, verdicts, counted } of cases) {
  const name = `${program} judges and counts each of ${packets} mutated packets, seed ${seed}`;
  rootTest(name, (context) => {
    const datapath = testDatapath(context);
    giveExit(datapath);
    const began = performance.now();
    const given = mill(datapath, {
      program,
      ifIndexes,
      packets,
      random: seededRandom(seed),
      sampleEvery,
      sample: (packet, ifIndex, verdict) => {
        if (!interfaces.has(program)) return;
        const { verdict: expected, byFlow } = judgePacket(program, packet, ifIndex);
        if (byFlow) return;
        const what = `seed ${seed}, ${program}: ${Buffer.from(packet).toString('hex')}`;
        assert.equal(verdictName(verdict), expected, what);
      },
    });
    const took = Math.round(performance.now() - began);
    const counts = new Map(Array.from(given, ([verdict, count]) => [verdictName(verdict), count]));
    context.diagnostic(`${took} ms; ${JSON.stringify(Object.fromEntries(counts))}`);
    assert.deepEqual([...counts.keys()].sort(), verdicts);
    const sum = (names: readonly string[]): number =>
      names.reduce((total, each) => total + (counts.get(each) ?? 0), 0);
    assert.equal(sum(verdicts), packets);
    const { refused, dropped } = drops(datapath);
    assert.equal(dropped, counts.get('drop'));
    if (counted === undefined) return;
    // Packets for unused addresses go to the stack, which answers, and are counted as dropped.
    const passed = sum(counted.verdicts) - (counted.verdicts.includes('pass') ? refused : 0);
    const traffic = [web, db].map(({ id }) => datapath.endpointCounters(id).traffic);
    const seen = traffic.map((both) => both[counted.direction]?.packets ?? 0);
    assert.equal(
      seen.reduce((total, each) => total + each, 0),
      passed,
    );
  });
}

/** For all reasons: dropped packets, and packets that were counted as dropped but left for the stack to refuse. */
function drops(datapath: TestDatapath): { readonly refused: number; readonly dropped: number } {
  const reasons = Object.keys(dropReasonNames).map(Number);
  const all = reasons.reduce((sum, reason) => sum + datapath.dropCounter(reason).packets, 0);
  assert.equal(datapath.dropCounter(dropReason.none).packets, 0);
  const refused = datapath.dropCounter(dropReason.noEndpoint).packets;
  return { refused, dropped: all - refused };
}

// The time of each program per packet of each kind, by test runs on a warm cache: nothing is sent, so the time is that
// of the program and of the test run itself, which has its own row, and changes of a few nanoseconds are visible. And
// the verifier's work for each program: it refuses a program beyond a million instructions.

import { UndoStack } from '../src/base/undo.ts';
import { type ProgramName, programNames } from '../src/datapath/generated.ts';
import type { IfIndex } from '../src/net/if-index.ts';
import type { Mac } from '../src/net/mac.ts';
import { protocols } from '../src/net/protocol.ts';
import { type TestDatapath, testDatapath } from '../test/support/datapath.ts';
import {
  type AddressByFamily,
  db,
  hostMac,
  hostSideMac,
  places,
  tunnelDevice,
  uplink,
  web,
} from '../test/support/datapath-network.ts';
import { ethernet, etherTypes, ip, tcp } from '../test/support/packets.ts';
import type { Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { best, series } from './statistics.ts';

export const programsExperiment: Experiment = {
  name: 'programs',
  summary: 'nanoseconds that each program takes for a packet of each kind; verified instructions',
  bars: [],
  run: runPrograms,
};

interface Kind {
  readonly program: ProgramName | 'nothing';
  readonly what: string;
  readonly ifIndex: IfIndex;
  readonly from: AddressByFamily;
  readonly to: AddressByFamily;
  readonly macs: readonly [source: Mac, destination: Mac];
}

const fromWeb = { ifIndex: web.ifIndex, from: web, macs: [web.mac, hostSideMac] } as const;
const toDb = { to: db, macs: [hostSideMac, hostMac] } as const;

const kinds: readonly Kind[] = [
  { program: 'nothing', what: 'the test run itself', ...fromWeb, to: db },
  { program: 'from_pod', what: 'to a pod here', ...fromWeb, to: db },
  { program: 'from_pod', what: 'to a neighbouring node', ...fromWeb, to: places.native },
  { program: 'from_pod', what: 'to the device of the overlay', ...fromWeb, to: places.tunnelled },
  { program: 'from_pod', what: 'to the world', ...fromWeb, to: places.world },
  { program: 'to_pod', what: 'from the world', ifIndex: db.ifIndex, from: places.world, ...toDb },
  { program: 'from_network', what: 'to a pod', ifIndex: uplink, from: places.native, ...toDb },
  {
    ...{ program: 'from_network', what: 'to the node', ifIndex: uplink, from: places.world },
    ...{ to: places.node, macs: [hostSideMac, hostMac] },
  },
  {
    ...{ program: 'from_overlay', what: 'to a pod', ifIndex: tunnelDevice },
    ...{ from: places.tunnelled, ...toDb },
  },
];

async function runPrograms({
  quick,
  signal,
  progress,
}: ExperimentOptions): Promise<readonly Figure[]> {
  using opened = new UndoStack();
  const datapath = testDatapath({ after: (undo: () => void) => opened.push(undo) });
  const samples = kinds.map((): [number[], number[]] => [[], []]);
  const rounds = quick ? 5 : 50;
  progress(`programs: ${rounds} rounds`);
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    for (const [index, kind] of kinds.entries()) {
      samples[index]?.[0].push(nanoseconds(datapath, kind, 4));
      samples[index]?.[1].push(nanoseconds(datapath, kind, 6));
    }
  }
  return [...timeFigures(samples), ...verifierFigures(datapath)];
}

/** `samples`: by kind, then family. */
function timeFigures(samples: readonly (readonly [number[], number[]])[]): readonly Figure[] {
  return kinds.flatMap(({ program, what }, index) =>
    (['IPv4', 'IPv6'] as const).map((family, which) => ({
      group: 'a packet of an open connection',
      arm: `${program}, ${what}`,
      metric: family,
      unit: 'ns',
      better: 'lower' as const,
      values: series(samples[index]?.[which] ?? []),
    })),
  );
}

function verifierFigures(datapath: TestDatapath): readonly Figure[] {
  return programNames.map((name) => ({
    group: 'instructions that the verifier walks to accept a program',
    arm: name,
    metric: 'verified',
    unit: 'instructions',
    better: 'lower',
    values: series([datapath.info(name).verifiedInstructions]),
  }));
}

/** Without the program that gives a packet its tunnel's metadata, which takes longer than from_overlay. */
function nanoseconds(datapath: TestDatapath, kind: Kind, family: 4 | 6): number {
  const { program, ifIndex } = kind;
  const packet = packetOf(kind, family);
  const time = (name: Parameters<TestDatapath['time']>[0]): number => {
    const once = () => datapath.time(name, packet, { ifIndex, repeat: 1000 });
    return best('lower', Array.from({ length: 10 }, once));
  };
  if (program !== 'from_overlay') return time(program);
  return time(program) - time('nothing_out_of_tunnel') + time('nothing');
}

function packetOf({ from, to, macs }: Kind, family: 4 | 6): Uint8Array {
  const ports = { sourcePort: 40000, destinationPort: 8080 };
  const segment = tcp({ ...ports, flags: 0x10 }, new Uint8Array(1));
  const addresses = { source: from[family], destination: to[family] };
  const payload = ip({ ...addresses, protocol: protocols.tcp }, segment);
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  return ethernet({ source: macs[0], destination: macs[1], type }, payload);
}

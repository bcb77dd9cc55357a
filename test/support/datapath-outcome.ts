// The effects of one packet on a test data path, as text: the verdict, and everything that was counted or reported.

import {
  dropReasonNames,
  type FlowEvent,
  flowEventKindNames,
  type ProgramName,
  type Traffic,
} from '../../src/datapath/generated.ts';
import type { PacketRunOptions, TestDatapath } from './datapath.ts';
import { db, web } from './datapath-network.ts';

export interface Outcome {
  readonly verdict: string;
  /** Reasons for which a packet was counted as dropped: at most one per packet. */
  readonly dropped: readonly string[];
  /** The endpoint and direction charged for the drop, as `web egress`. */
  readonly charged: readonly string[];
  /** Endpoints whose traffic counters were increased. */
  readonly counted: readonly string[];
  /** Kinds of events. */
  readonly events: readonly string[];
}

export interface Observation {
  readonly outcome: Outcome;
  readonly events: readonly FlowEvent[];
  readonly packet: Uint8Array;
}

/** Runs the program once and compares every counter with its earlier value. */
export function observe(
  datapath: TestDatapath,
  program: ProgramName,
  packet: Uint8Array,
  options: PacketRunOptions,
): Observation {
  const before = read(datapath);
  datapath.events.drain();
  const result = datapath.run(program, packet, options);
  const after = read(datapath);
  const events = datapath.events.drain();
  const grown = (what: keyof Counters): string[] =>
    [...after[what]].filter(([name, count]) => count !== before[what].get(name)).map(([n]) => n);
  return {
    outcome: {
      verdict: verdictName(result.verdict),
      dropped: grown('dropped'),
      charged: grown('charged'),
      counted: grown('counted'),
      events: events.map(({ kind }) => flowEventKindNames[kind] ?? `kind ${kind}`),
    },
    events,
    packet: result.packet,
  };
}

export function verdictName(verdict: number): string {
  const names: Readonly<Record<number, string>> = {
    [-1]: 'next',
    0: 'pass',
    2: 'drop',
    7: 'redirect',
  };
  return names[verdict] ?? `verdict ${verdict}`;
}

interface Counters {
  readonly dropped: ReadonlyMap<string, number>;
  readonly charged: ReadonlyMap<string, number>;
  readonly counted: ReadonlyMap<string, number>;
}

function read(datapath: TestDatapath): Counters {
  const dropped = new Map<string, number>();
  for (const [reason, name] of Object.entries(dropReasonNames)) {
    dropped.set(name, datapath.dropCounter(Number(reason)).packets);
  }
  const charged = new Map<string, number>();
  const counted = new Map<string, number>();
  const note = (name: string, { packets, droppedPackets }: Traffic): void => {
    counted.set(name, packets);
    charged.set(name, droppedPackets);
  };
  for (const [name, id] of [
    ['nobody', 0],
    ['web', web.id],
    ['db', db.id],
  ] as const) {
    const [ingress, egress] = datapath.endpointCounters(id).traffic;
    note(`${name} egress`, egress);
    note(`${name} ingress`, ingress);
  }
  return { dropped, charged, counted };
}

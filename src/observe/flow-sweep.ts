// Removes ended and long-idle flows from the flow table, so that its LRU does not evict live ones. Keys stay bytes
// until an entry is removed (converting addresses to text takes microseconds each), so a full table is walked in a
// fraction of a second.

import { type Flow, type FlowKey, flowKeyCodec, flowState } from '../datapath/generated.ts';
import { bytes, type Codec } from '../kernel/codec.ts';
import { protocols } from '../net/protocol.ts';

/** The flow table, with keys as bytes. */
export interface SweptTable {
  entries(): Iterable<readonly [Uint8Array, Flow]>;
  deleteBatch(keys: readonly Uint8Array[]): void;
}

export interface SweepReport {
  /** Number of entries that remain. */
  readonly entries: number;
  readonly deleted: number;
}

export interface SweepOptions {
  readonly table: SweptTable;
  /** CLOCK_MONOTONIC. */
  readonly nowNs: number;
  /**
   * Called for each removed flow whose end the data path has not reported, or reported too early. The next packet of
   * such a flow opens it again.
   */
  readonly onIdle: (key: FlowKey, flow: Flow) => void;
  /** Called between batches so that other work can run. */
  readonly pause: () => Promise<void>;
}

/**
 * Seconds without a packet after which an entry is removed. RFC 5382 requires at least 2 h 4 min for established TCP
 * from a NAT.
 */
export const idleSeconds = { tcpClosed: 30, tcpOpening: 60, tcpEstablished: 7860, other: 60 };

const batchEntries = 2000;

export async function sweepFlows(options: SweepOptions): Promise<SweepReport> {
  const { table, nowNs, onIdle, pause } = options;
  let walked = 0;
  let deleted = 0;
  let idle: Uint8Array[] = [];
  const flush = (): void => {
    if (idle.length > 0) table.deleteBatch(idle);
    deleted += idle.length;
    idle = [];
  };
  for (const [key, flow] of table.entries()) {
    walked++;
    if (flow.state === flowState.wentOn || nowNs - flow.lastSeenNs > limitNs(key, flow)) {
      idle.push(key);
      if (!isClosed(flow)) onIdle(decodeKey(key), flow);
    }
    if (walked % batchEntries === 0) {
      flush();
      await pause();
    }
  }
  flush();
  return { entries: walked - deleted, deleted };
}

export const sweptKeyCodec: Codec<Uint8Array> = bytes(flowKeyCodec.size);

const ack = 0x10;
// struct flow_key: two addresses and two ports come before it.
const protocolOffset = 36;

function limitNs(key: Uint8Array, flow: Flow): number {
  if (key[protocolOffset] !== protocols.tcp) return idleSeconds.other * 1e9;
  if (isClosed(flow)) return idleSeconds.tcpClosed * 1e9;
  const [low = 0, high = 0] = flow.tcpFlags;
  const bothAnswered = (low & high & ack) !== 0;
  return (bothAnswered ? idleSeconds.tcpEstablished : idleSeconds.tcpOpening) * 1e9;
}

function isClosed(flow: Flow): boolean {
  return flow.state === flowState.closed;
}

function decodeKey(raw: Uint8Array): FlowKey {
  return flowKeyCodec.decode(new DataView(raw.buffer, raw.byteOffset, raw.byteLength), 0);
}

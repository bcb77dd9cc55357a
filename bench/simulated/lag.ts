// The time from a change at the API server until packets follow it: another node's InternalIP changes, and the pinned
// map's route to that node's pods is read until it has the new next hop. Pods of other nodes have no map entries.

import { setTimeout as sleep } from 'node:timers/promises';
import { maps } from '../../src/datapath/generated.ts';
import { describePins } from '../../src/datapath/load/pins.ts';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { parsePrefix, prefixAddress, prefixLength } from '../../src/net/prefix.ts';
import type { ApiWriter } from './api-writer.ts';
import { nodeAddress, nodeCount, nodeName, podRange, simulatedNodeStatus } from './population.ts';

const changesPerSecond = 4;
const mappedBits = 96;
const mostMs = 30_000;

export interface LagOptions {
  readonly writer: ApiWriter;
  readonly pinDir: string;
  readonly seconds: number;
  /** Number of the first change: each changes another node until a thousand have been made. */
  readonly first: number;
  readonly signal: AbortSignal;
}

/** Milliseconds from the acknowledged write to the map's entry, one sample per change. */
export async function measureLags({
  writer,
  pinDir,
  seconds,
  first,
  signal,
}: LagOptions): Promise<readonly number[]> {
  using routes = BpfMap.openPinned(describePins(pinDir).map('routes'), maps.routes);
  const lags: number[] = [];
  const until = performance.now() + seconds * 1000;
  for (let change = first; performance.now() < until; change++) {
    signal.throwIfAborted();
    const began = performance.now();
    // Never the agent's own node; both addresses in turn.
    const node = 1 + (change % (nodeCount - 1));
    const turn = Math.floor(change / (nodeCount - 1)) % 2 === 0 ? 1 : 0;
    const path = `/api/v1/nodes/${nodeName(node)}/status`;
    await writer.write({
      method: 'PATCH',
      path,
      body: { status: simulatedNodeStatus(node, turn) },
    });
    const acknowledged = performance.now();
    const key = routeKey(node);
    while (routes.get(key)?.nextHop !== nodeAddress(node, turn)) {
      if (performance.now() - acknowledged > mostMs)
        throw new Error(`the route to ${nodeName(node)} has not changed within ${mostMs / 1000} s`);
      await sleep(1);
    }
    lags.push(performance.now() - acknowledged);
    // Avoids a fixed phase with the agent's periodic work.
    const spread = 0.5 + Math.random();
    await sleep(Math.max(0, (spread * 1000) / changesPerSecond - (performance.now() - began)));
  }
  return lags;
}

function routeKey(node: number): {
  prefixLength: number;
  address: ReturnType<typeof prefixAddress>;
} {
  const range = parsePrefix(podRange(node));
  return { prefixLength: prefixLength(range) + mappedBits, address: prefixAddress(range) };
}

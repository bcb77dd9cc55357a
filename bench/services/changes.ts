// The time from a change at the API server to the first connection that follows it: a Service without backends gets
// one, again and again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchPlace } from '../place.ts';
import type { ApiWriter } from '../simulated/api-writer.ts';
import { slicesPath } from './fill.ts';
import { firstAnswer } from './first-connection.ts';
import { changing, endpointAt } from './population.ts';
import { processorSeconds } from './process-cost.ts';
import type { MeasuredProxy } from './proxy.ts';

export interface ChangeOptions {
  readonly writer: ApiWriter;
  readonly client: BenchPlace;
  /** Address of the server's pod. */
  readonly backend: string;
  readonly count: number;
  readonly cpu: number;
  /** No further change begins after this. */
  readonly mostSeconds: number;
  readonly signal: AbortSignal;
}

export interface ChangeCosts {
  /** From the acknowledged write to the first connection, one sample per added backend. */
  readonly lagsMs: readonly number[];
  /** Of the proxy, per change. */
  readonly processorMs: number;
}

const mostMs = 60_000;

export async function measureChanges(
  proxy: MeasuredProxy,
  options: ChangeOptions,
): Promise<ChangeCosts> {
  const { writer, client, backend, count, cpu, mostSeconds, signal } = options;
  const { address, port, target } = changing;
  const to = `${backend}:${target},${address}:${port}`;
  const path = `${slicesPath}/${changing.name}`;
  let acknowledgedMs = 0;
  const write = async (endpoints: readonly object[]): Promise<void> => {
    await sleep(proxy.restMs);
    signal.throwIfAborted();
    await writer.write({ method: 'PATCH', path, body: { endpoints } });
    acknowledgedMs = Number(process.hrtime.bigint()) / 1e6;
  };
  const awaited = { client, server: proxy.network.server, to, cpu, mostMs };
  const lagsMs: number[] = [];
  const before = processorSeconds(proxy.pid);
  const until = performance.now() + mostSeconds * 1000;
  while (lagsMs.length < count && performance.now() < until) {
    signal.throwIfAborted();
    const accepted = await firstAnswer({ ...awaited, answer: 'accepted' }, () =>
      write([endpointAt(backend)]),
    );
    lagsMs.push(accepted - acknowledgedMs);
    await firstAnswer({ ...awaited, answer: 'refused' }, () => write([]));
  }
  const spent = processorSeconds(proxy.pid) - before;
  return { lagsMs, processorMs: (spent * 1000) / (2 * lagsMs.length) };
}

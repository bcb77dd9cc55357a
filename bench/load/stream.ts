// One TCP stream by iperf3: throughput, and the processor time a gigabyte costs.

import { readFileSync } from 'node:fs';
import { type Place, runIn, Server } from '../place.ts';
import { untilListening } from './listening.ts';

export interface StreamResult {
  readonly gigabitsPerSecond: number;
  /** Busy time of all processors over the run, divided by the gigabytes (10^9) that arrived. */
  readonly cpuSecondsPerGigabyte: number;
}

export interface StreamOptions {
  readonly client: Place;
  readonly server: Place;
  readonly address: string;
  readonly cpus: readonly [client: number, server: number];
  /** Whole ones: iperf3 takes 0.5 for 0, which it takes for ever. */
  readonly seconds: number;
}

const port = 5201;

export async function measureStream(options: StreamOptions): Promise<StreamResult> {
  const { client, server, address, cpus, seconds } = options;
  await using _server = new Server(server, cpus[1], ['iperf3', '-s', '-p', String(port)]);
  await untilListening(server, port);
  const before = busySeconds();
  const text = await runIn(client, cpus[0], [
    ...['iperf3', '-c', address, '-p', String(port), '-J'],
    ...['-t', String(seconds)],
  ]);
  const busy = busySeconds() - before;
  const { end } = JSON.parse(text) as IperfReport;
  return {
    gigabitsPerSecond: end.sum_received.bits_per_second / 1e9,
    cpuSecondsPerGigabyte: busy / (end.sum_received.bytes / 1e9),
  };
}

interface IperfReport {
  readonly end: {
    readonly sum_received: { readonly bytes: number; readonly bits_per_second: number };
  };
}

/** user + nice + system + irq + softirq of all processors since boot, from /proc/stat (ticks of 10 ms). */
function busySeconds(): number {
  const fields = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').trim().split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields.slice(1).map(Number);
  return (user + nice + system + irq + softirq) / 100;
}

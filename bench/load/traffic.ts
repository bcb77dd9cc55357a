// The loads of the network experiment: each is a short slice of one kind of traffic between an arm's ends. A program of
// bench/programs/ contains client and server.

import { fileURLToPath } from 'node:url';
import type { Arm } from '../arm.ts';
import type { Measure, Metric } from '../interleave.ts';
import { runInBenchPlace } from '../place.ts';

/**
 * The processors to which the ends are pinned. One shared processor shows the cost of the path: rates are then per
 * second of its time, so that time taken by other processes does not count. Two processors show the user's view.
 */
type Processors = 1 | 2;

export interface TrafficOptions {
  readonly processors: Processors;
  /** Duration of a slice; connections are counted instead of timed, and take about as long. */
  readonly milliseconds: number;
}

const connectionsAMillisecond = 20;

/** One TCP stream: throughput, and on two processors the processor time per gigabyte (10^9 bytes). */
export function tcpStream(options: TrafficOptions): Measure<Arm> {
  const rate: Metric = { name: named('TCP stream', options), unit: 'Gbit/s', better: 'higher' };
  const cost: Metric = { name: named('CPU per GB', options), unit: 's/GB', better: 'lower' };
  return async (arm) => {
    const rates = await run('bulk', arm, options);
    const figures = new Map([[rate, (rateOf(rates, options) * 8) / 1e9]]);
    // On one processor the cost is the inverse of the rate.
    if (options.processors === 2) figures.set(cost, 1e9 / rates.perCpuSecond);
    return figures;
  };
}

/** Round trips of one byte over TCP. */
export function roundTrips(options: TrafficOptions): Measure<Arm> {
  const p50: Metric = { name: named('p50', options), unit: 'us', better: 'lower' };
  const p99: Metric = { name: named('p99', options), unit: 'us', better: 'lower' };
  return async (arm) => {
    const { p50Ns, p99Ns } = await run('roundtrips', arm, options);
    return new Map([
      [p50, p50Ns / 1000],
      [p99, p99Ns / 1000],
    ]);
  };
}

/** Connections one after another: open, one byte each way, reset. */
export function connections(options: TrafficOptions): Measure<Arm> {
  const rate: Metric = { name: named('connections', options), unit: '/s', better: 'higher' };
  const count = options.milliseconds * connectionsAMillisecond;
  return async (arm) => {
    const rates = await run('connections', arm, { ...options, milliseconds: count });
    return new Map([[rate, rateOf(rates, options)]]);
  };
}

/** As `connections`, and how long connect() takes: the first packet of a connection and its answer. */
export function timedConnections(options: TrafficOptions): Measure<Arm> {
  const rate: Metric = { name: named('connections', options), unit: '/s', better: 'higher' };
  const p50: Metric = { name: named('connect p50', options), unit: 'us', better: 'lower' };
  const p99: Metric = { name: named('connect p99', options), unit: 'us', better: 'lower' };
  const count = options.milliseconds * connectionsAMillisecond;
  return async (arm) => {
    const timed = await run('connections', arm, { ...options, milliseconds: count });
    return new Map([
      [rate, rateOf(timed, options)],
      [p50, timed.p50Ns / 1000],
      [p99, timed.p99Ns / 1000],
    ]);
  };
}

/** Requests of one byte over one TCP connection that stays open. */
export function requests(options: TrafficOptions): Measure<Arm> {
  const rate: Metric = { name: named('requests', options), unit: '/s', better: 'higher' };
  const p50: Metric = { name: named('request p50', options), unit: 'us', better: 'lower' };
  const p99: Metric = { name: named('request p99', options), unit: 'us', better: 'lower' };
  return async (arm) => {
    const timed = await run('roundtrips', arm, options);
    return new Map([
      [rate, rateOf(timed, options)],
      [p50, timed.p50Ns / 1000],
      [p99, timed.p99Ns / 1000],
    ]);
  };
}

/** UDP datagrams of 64 bytes that are received. */
export function datagrams(options: TrafficOptions): Measure<Arm> {
  const rate: Metric = { name: named('UDP packets', options), unit: '/s', better: 'higher' };
  return async (arm) => new Map([[rate, rateOf(await run('datagrams', arm, options), options)]]);
}

function rateOf({ perSecond, perCpuSecond }: Rates, { processors }: TrafficOptions): number {
  return processors === 1 ? perCpuSecond : perSecond;
}

function named(figure: string, { processors }: TrafficOptions): string {
  return `${figure}, ${processors} CPU${processors === 1 ? '' : 's'}`;
}

interface Rates {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

interface TimedRates extends Rates {
  readonly p50Ns: number;
  readonly p99Ns: number;
}

interface Results {
  readonly bulk: Rates;
  readonly roundtrips: TimedRates;
  readonly connections: TimedRates;
  readonly datagrams: Rates;
}

async function run<Program extends keyof Results>(
  program: Program,
  { client, server, address }: Arm,
  { processors, milliseconds }: TrafficOptions,
): Promise<Results[Program]> {
  const file = fileURLToPath(new URL(`../programs/${program}`, import.meta.url));
  const cpus = ['0', processors === 1 ? '0' : '1'];
  const command = [file, server.namespacePath, address, ...cpus, String(milliseconds)];
  return JSON.parse(await runInBenchPlace(client, command)) as Results[Program];
}

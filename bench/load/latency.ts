// TCP round trips by sockperf (ping-pong, its 14-byte minimum message): half of a round trip in us, as sockperf reports it.

import { type Place, runIn, Server } from '../place.ts';
import { untilListening } from './listening.ts';

export interface LatencyResult {
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface LatencyOptions {
  readonly client: Place;
  readonly server: Place;
  readonly address: string;
  readonly cpus: readonly [client: number, server: number];
  readonly seconds: number;
}

const port = 11111;

export async function measureLatency(options: LatencyOptions): Promise<LatencyResult> {
  const { client, server, address, cpus, seconds } = options;
  const target = ['--tcp', '-i', address, '-p', String(port)];
  await using _server = new Server(server, cpus[1], ['sockperf', 'server', ...target]);
  await untilListening(server, port);
  const duration = ['-t', String(seconds)];
  const text = await runIn(client, cpus[0], ['sockperf', 'ping-pong', ...target, ...duration]);
  return { p50Us: percentile(text, '50.000'), p99Us: percentile(text, '99.000') };
}

function percentile(text: string, name: string): number {
  const match = new RegExp(`percentile ${name} =\\s*([0-9.]+)`).exec(text);
  if (match === null) throw new Error(`sockperf printed no percentile ${name}:\n${text}`);
  return Number(match[1]);
}

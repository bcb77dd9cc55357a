// A client that connects again and again until it gets a wanted answer (bench/programs/first_connection.c).

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exitOf } from '../../src/lab/spawn.ts';
import type { BenchPlace } from '../place.ts';

const program = fileURLToPath(new URL('../programs/first_connection', import.meta.url));
const intoCgroup = 'echo $$ > "$0/cgroup.procs" && exec "$@"';

export interface AwaitedAnswer {
  readonly client: BenchPlace;
  readonly server: BenchPlace;
  /** `10.220.0.3:9000,10.96.0.1:80`: the server and its Service. */
  readonly to: string;
  readonly answer: 'accepted' | 'refused';
  readonly cpu: number;
  readonly mostMs: number;
}

/**
 * Calls `change` once an attempt had another answer, and returns the time of the wanted one on the clock of
 * process.hrtime(), in milliseconds. Throws an Error if it does not come.
 */
export async function firstAnswer(
  { client, server, to, answer, cpu, mostMs }: AwaitedAnswer,
  change: () => Promise<void>,
): Promise<number> {
  const { namespacePath, ownCgroup } = client;
  const enter = ownCgroup === undefined ? [] : ['sh', '-c', intoCgroup, ownCgroup];
  const numbers = [cpu, cpu, mostMs].map(String);
  const command = [program, server.namespacePath, to, ...numbers, answer];
  const words = ['--pdeathsig', 'KILL', 'nsenter', `--net=${namespacePath}`, ...enter, ...command];
  const child = spawn('setpriv', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = exitOf(child, 'close');
  let isChanged = false;
  let nanoseconds: bigint | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'waiting') {
      isChanged = true;
      await change();
    } else nanoseconds = BigInt(line);
  }
  const exitCode = await ended;
  if (exitCode === 0 && !isChanged) throw new Error(`${to} was ${answer} before the change`);
  if (exitCode !== 0 || nanoseconds === undefined)
    throw new Error(`${to} was not ${answer} within ${mostMs} ms of a change`);
  return Number(nanoseconds) / 1e6;
}

// The cost of an agent while the cluster changes: a hundred pod changes a second alone, and together with changed node
// addresses, each of which changes this node's routes. The lag is measured with the latter.

import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { exitOf } from '../../src/lab/spawn.ts';
import { percentile } from '../statistics.ts';
import { measureLags } from './lag.ts';
import type { Measured } from './measured.ts';
import type { Parts } from './parts.ts';

const program = fileURLToPath(new URL('./changes.js', import.meta.url));

type UnderChanges = Pick<
  Measured,
  | 'processorPods'
  | 'podChanges'
  | 'processorPodsAndNodes'
  | 'lagP50'
  | 'lagP99'
  | 'residentAfterChanges'
>;

// More nodes than change in one round.
const nodesARound = 300;

/** One value per round, both kinds in turn. */
export async function underChanges(parts: Parts): Promise<UnderChanges> {
  const { agent, isQuick, signal, progress } = parts;
  const [rounds, seconds] = isQuick ? [1, 10] : [3, 30];
  const processorPods: number[] = [];
  const podChanges: number[] = [];
  const processorPodsAndNodes: number[] = [];
  const lagP50: number[] = [];
  const lagP99: number[] = [];
  const pods = new PodChanges(parts);
  try {
    for (let round = 0; round < rounds; round++) {
      progress(`changes of pods, then of nodes, too: round ${round + 1} of ${rounds}`);
      // Starting the changes is not part of the measurement.
      await sleep(1_000, undefined, { signal });
      const written = pods.acknowledged;
      processorPods.push(
        await agent.processorPercent(sleep(seconds * 1000, undefined, { signal })),
      );
      podChanges.push((pods.acknowledged - written) / seconds);
      const lags = measureLags({ ...parts, seconds, first: round * nodesARound });
      processorPodsAndNodes.push(await agent.processorPercent(lags));
      lagP50.push(percentile(await lags, 50));
      lagP99.push(percentile(await lags, 99));
      // A run that is cut off has still printed its results so far.
      const percents = [processorPods, processorPodsAndNodes].map((all) => all.at(-1)?.toFixed(1));
      progress(`processor ${percents.join(' % and ')} %, lag p99 ${lagP99.at(-1)?.toFixed(0)} ms`);
    }
  } finally {
    await pods.stop();
  }
  const residentAfterChanges = [agent.residentMegabytes.now];
  const processor = { processorPods, processorPodsAndNodes };
  return { ...processor, podChanges, lagP50, lagP99, residentAfterChanges };
}

/** The program that changes pods, while it runs. */
class PodChanges {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | undefined>;
  #acknowledged = 0;

  constructor({ server, signal }: Parts) {
    const child = spawn(process.execPath, [program, server.url, server.folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#acknowledged = Number(text.trimEnd().split('\n').at(-1));
    });
    signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
    this.#child = child;
    this.#ended = exitOf(child, 'close');
  }

  /** As of the last tenth of a second. Throws an Error if the program has ended. */
  get acknowledged(): number {
    if (this.#child.exitCode !== null) throw new Error('the program that changes pods failed');
    return this.#acknowledged;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

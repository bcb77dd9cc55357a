// An experiment that has to run in a network namespace of its own, as a process of its own: it starts real servers there.

import { spawn } from 'node:child_process';
import { exitOf } from '../src/lab/spawn.ts';
import type { ExperimentOptions } from './experiment.ts';

export interface InnerProcess {
  readonly namespacePath: string;
  /** File of the program, and its arguments. It prints its result as JSON, and its progress to standard error. */
  readonly command: readonly string[];
}

/** Returns the printed result. Rejects if the program fails or is stopped by the signal. */
export async function runInner(
  { namespacePath, command }: InnerProcess,
  { signal, progress }: Pick<ExperimentOptions, 'signal' | 'progress'>,
): Promise<unknown> {
  const words = [`--net=${namespacePath}`, process.execPath, ...command];
  const child = spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => progress(text.trimEnd()));
  const exitCode = await exitOf(child, 'close');
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (exitCode !== 0) throw new Error(`${command[0]} ended with exit code ${exitCode}`);
  return JSON.parse(output) as unknown;
}

// Starts programs in a node's or pod's network namespace and cgroup with this machine's files (the mount namespace
// stays, so bpffs is shared).

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { NetworkNamespace } from '../kernel/namespace.ts';

export interface LabPlace {
  readonly namespacePath: string;
  readonly cgroup: string;
}

export interface SpawnOptions {
  readonly stdio: StdioOptions;
  readonly environment?: Readonly<Record<string, string>>;
  /** Uses a new session, so signals from the terminal do not reach the process. */
  readonly detached?: boolean;
}

// The shell moves itself into the cgroup before it becomes the program, so the program never runs outside the cgroup.
const intoCgroup = 'echo $$ > "$0/cgroup.procs" && exec "$@"';

/** Equivalent to: `nsenter --net=NAMESPACE sh -c 'echo $$ > CGROUP/cgroup.procs; exec COMMAND'`. */
export function spawnInPlace(
  place: LabPlace,
  command: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  using namespace = NetworkNamespace.open(place.namespacePath);
  // fork(2) inherits the network namespace of the calling thread.
  return namespace.run(() =>
    spawn('/bin/sh', ['-c', intoCgroup, place.cgroup, ...command], {
      stdio: options.stdio,
      detached: options.detached ?? false,
      env: { ...process.env, ...options.environment },
    }),
  );
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end and collects its output. For a signal, the exit code is 128 + its number, as in a shell.
 */
export async function runInPlace(
  place: LabPlace,
  command: readonly string[],
  options: {
    readonly input?: string;
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<Finished> {
  const child = spawnInPlace(place, command, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program that ends without reading its input is not an error.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');
  const exitCode = await exitOf(child, 'close');
  return {
    exitCode,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  };
}

export function exitOf(child: ChildProcess, event: 'exit' | 'close' = 'exit'): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once(event, (code: number | null, signal: NodeJS.Signals | null) => {
      resolve(code ?? 128 + (signal === null ? 0 : signalNumber(signal)));
    });
  });
}

function signalNumber(signal: NodeJS.Signals): number {
  return constants.signals[signal];
}

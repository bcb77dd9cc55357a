// Where a load program runs: a network namespace and the processors it may use.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Place {
  /** A path that can be opened: /run/netns/NAME or /proc/PID/ns/net. */
  readonly namespacePath: string;
}

/** Runs to its end and returns stdout; a non-zero exit is an error with what it printed. */
export function runIn(place: Place, cpu: number, command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const [file, args] = enter(place, cpu, command);
    execFile(file, args, { timeout: 60_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command.join(' ')}: ${error.message}\n${stderr}${stdout}`));
    });
  });
}

/** A server that lives until it is disposed of. */
export class Server implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(place: Place, cpu: number, command: readonly string[]) {
    const [file, args] = enter(place, cpu, command);
    this.#child = spawn(file, args, { stdio: 'ignore' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

// nsenter, not `ip netns exec`: the latter remounts /sys. exec'ed in one process, so that a kill ends the program itself.
function enter(place: Place, cpu: number, command: readonly string[]): [string, string[]] {
  return ['nsenter', [`--net=${place.namespacePath}`, 'taskset', '-c', String(cpu), ...command]];
}

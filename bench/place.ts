// The place where a load program runs: a network namespace.

import { execFile } from 'node:child_process';

export interface BenchPlace {
  /** A path that can be opened: /run/netns/NAME or /proc/PID/ns/net. */
  readonly namespacePath: string;
}

/** Runs a command to its end and returns stdout; throws an Error with its output if the exit code is not zero. */
export function runInBenchPlace(place: BenchPlace, command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    // nsenter, not `ip netns exec`: the latter remounts /sys.
    const args = [`--net=${place.namespacePath}`, ...command];
    execFile('nsenter', args, { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command.join(' ')}: ${error.message}\n${stderr}${stdout}`));
    });
  });
}

// The place where a load program runs: a network namespace, and a cgroup where that matters.

import { execFile } from 'node:child_process';

export interface BenchPlace {
  /** A path that can be opened: /run/netns/NAME or /proc/PID/ns/net. */
  readonly namespacePath: string;
  /** Folder of a cgroup v2. Absent: the caller's. */
  readonly ownCgroup?: string | undefined;
}

const intoCgroup = 'echo $$ > "$0/cgroup.procs" && exec "$@"';

/** Runs a command to its end and returns stdout; throws an Error with its output if the exit code is not zero. */
export function runInBenchPlace(place: BenchPlace, command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    // nsenter, not `ip netns exec`: the latter remounts /sys.
    const { namespacePath, ownCgroup } = place;
    const enter = ownCgroup === undefined ? [] : ['sh', '-c', intoCgroup, ownCgroup];
    const args = [`--net=${namespacePath}`, ...enter, ...command];
    execFile('nsenter', args, { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command.join(' ')}: ${error.message}\n${stderr}${stdout}`));
    });
  });
}

// Processor time and memory of a process together with the commands that it runs: kube-proxy starts nft and
// iptables-restore, which do most of its work.

import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;
const sampleMs = 50;

/** User and system time since its start, with that of commands that have ended. */
export function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime, stime, cutime, cstime of proc(5).
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}

/** VmRSS of proc(5), 10^6 bytes; 0 if there is no such process. */
export function residentMegabytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024) / 1e6;
  } catch {
    return 0;
  }
}

/** The largest sum of a process and its commands, in samples. */
export class PeakMemory implements Disposable {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #megabytes = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), sampleMs);
  }

  get megabytes(): number {
    this.#sample();
    return this.#megabytes;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const all = [this.#pid, ...commandsOf(this.#pid)];
    const sum = all.reduce((total, pid) => total + residentMegabytes(pid), 0);
    this.#megabytes = Math.max(this.#megabytes, sum);
  }
}

/** The processes that a process and its threads have started. */
export function commandsOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
        .split(' ')
        .filter((word) => word !== '')
        .map(Number),
    );
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

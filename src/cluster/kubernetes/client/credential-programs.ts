// Runs credential programs of kubeconfigs. A program that hangs is killed with all its child processes, so it delays
// neither the next run nor the end of the agent.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

export interface ProgramCall {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the agent's environment. */
  readonly env: Readonly<Record<string, string>>;
}

// A killed process stays only if the kernel holds it, for example while a network file system does not answer.
const mostAlive = 3;
const maxOutputBytes = 2 ** 20;
const maxErrorCharacters = 4_096;

export class CredentialPrograms {
  readonly #kill: (group: number) => void;
  #alive = 0;

  /** `kill` ends a process group and may fail. */
  constructor(kill: (group: number) => void = killGroup) {
    this.#kill = kill;
  }

  /** Returns the program's standard output. Rejects with an Error. The program is killed when `signal` aborts. */
  async run(call: ProgramCall, signal: AbortSignal): Promise<string> {
    const { command } = call;
    if (this.#alive >= mostAlive) {
      throw new Error(
        `${mostAlive} runs of the credential program ${command} have not ended: another one starts only after one of them ends`,
      );
    }
    const child = started(call);
    const { pid: group } = child;
    // The program could not be started. The 'error' event has the reason.
    if (group === undefined) throw (await once(child, 'error'))[0];
    this.#alive++;
    child.once('exit', () => this.#alive--);
    const end = (): void => {
      this.#kill(group);
      // A process that left the group may still hold the other ends.
      for (const output of outputsOf(child)) output.destroy();
    };
    process.once('exit', end);
    signal.addEventListener('abort', end);
    try {
      const [output, error] = outputsOf(child).map((stream) => textOf(stream, end));
      const [code, by] = (await once(child, 'close')) as [number | null, string | null];
      if (code === 0) return output?.() ?? '';
      const why = error?.().slice(0, maxErrorCharacters).trim() ?? '';
      const how = `ended with ${by ?? code}${why === '' ? '' : `: ${why}`}`;
      throw new Error(`the credential program ${command} ${how}`);
    } finally {
      process.off('exit', end);
      signal.removeEventListener('abort', end);
    }
  }
}

// Uses a process group of its own, which is killed as a whole, because a script's children would survive. The process
// does not keep the agent alive.
function started({ command, args, env }: ProgramCall): ChildProcess {
  const child = spawn(command, args, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.unref();
  for (const output of outputsOf(child)) output.unref();
  return child;
}

// There are no streams if there were too many open files, because the process was not started.
function outputsOf({ stdout, stderr }: ChildProcess): readonly Socket[] {
  return [stdout, stderr].filter((output) => output instanceof Socket);
}

// Reads the stream. The text is complete when the stream has ended. Output beyond the limit ends the program.
function textOf(stream: Readable, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxOutputBytes) chunks.push(chunk);
    else tooMuch();
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // The group has already ended.
  }
}

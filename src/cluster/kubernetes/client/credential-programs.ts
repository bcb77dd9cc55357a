// Credential programs of kubeconfigs, run so that one that hangs is ended with all that it started: it holds up neither the next
// one nor the end of the agent.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

export interface ProgramCall {
  readonly command: string;
  readonly args: readonly string[];
  /** Besides the agent's own. */
  readonly env: Readonly<Record<string, string>>;
}

// Only the kernel keeps a process that was killed, as while a network file system does not answer.
const mostAlive = 3;
const maxOutputBytes = 2 ** 20;
const maxErrorCharacters = 4_096;

export class CredentialPrograms {
  readonly #kill: (group: number) => void;
  #alive = 0;

  /** `kill` ends a process group; it may fail to. */
  constructor(kill: (group: number) => void = killGroup) {
    this.#kill = kill;
  }

  /** What the program writes to its standard output. Rejects with an Error; the program is killed when `signal` aborts. */
  async run(call: ProgramCall, signal: AbortSignal): Promise<string> {
    const { command } = call;
    if (this.#alive >= mostAlive) {
      throw new Error(
        `${mostAlive} runs of the credential program ${command} do not end: no other is started until one does`,
      );
    }
    const child = started(call);
    const { pid: group } = child;
    // It could not be started, and 'error' says why.
    if (group === undefined) throw (await once(child, 'error'))[0];
    this.#alive++;
    child.once('exit', () => this.#alive--);
    const end = (): void => {
      this.#kill(group);
      // A process that left the group may still have the other ends.
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

// In a process group of its own, which is killed as a whole: a script's children would live on. Nothing of it keeps the agent's
// process alive.
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

// None where there are too many open files: then it was not started.
function outputsOf({ stdout, stderr }: ChildProcess): readonly Socket[] {
  return [stdout, stderr].filter((output) => output instanceof Socket);
}

// Reads it; the text is whole once the stream has ended. More than the limit ends the program.
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
    // It has ended.
  }
}

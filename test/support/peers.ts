// A server that answers with the sender's address, and clients that query it repeatedly from one socket: the answers
// show how their connections are translated.

import type { ChildProcess } from 'node:child_process';
import { after, before } from 'node:test';
import { type LabPlace, spawnInPlace } from '../../src/lab/spawn.ts';
import { eventuallyDefined, type TestLab } from './lab.ts';
import { testProgram } from './lab-traffic.ts';
import { reasonToSkip } from './root-test.ts';

/** The outside host. */
export const outsideHost = { 4: '203.0.113.10', 6: '2001:db8:113::10' } as const;
export const peerPort = 7777;
export const peerServer: readonly string[] = [...testProgram('peer-server'), String(peerPort)];

/** A program that runs until `end`, and its output. */
export class PeerClient implements Disposable {
  readonly #process: ChildProcess;
  #said = '';

  constructor(
    place: LabPlace,
    words: readonly string[] | undefined,
    program: readonly string[] = testProgram('peer-client'),
  ) {
    this.#process = spawnInPlace(place, [...program, ...(words ?? [])], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
  }

  says(expected: string): Promise<unknown> {
    return eventuallyDefined(`${expected} is said last`, () => {
      const last = this.#said.trimEnd().split('\n').at(-1);
      return last === expected ? true : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; said: ${this.#said.replaceAll('\n', ', ')}`);
    });
  }

  hasEnded(): boolean {
    return this.#said.includes('closed') || this.#process.exitCode !== null;
  }

  end(): void {
    this.#process.kill();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** A server on the outside host that answers with the sender's address, for the tests of a `describe`. */
export function worldServer(lab: () => TestLab): void {
  let server: ChildProcess | undefined;
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    server = spawnInPlace(lab().lab.record().world, peerServer, { stdio: 'ignore' });
    await eventuallyDefined('the world serves', async () => {
      const { exitCode } = await lab().inNode('world', [
        'bash',
        '-c',
        `exec 3<>/dev/tcp/::1/${peerPort}`,
      ]);
      return exitCode === 0 ? true : undefined;
    });
  });
  after(() => {
    server?.kill();
  });
}

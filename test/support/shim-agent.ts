// An agent for tests of the CNI executable.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { cniSocketOf } from '../../src/api/socket.ts';
import { executeShim, type ShimExecution } from './execute-shim.ts';

export const directory: string = mkdtempSync(path.join(tmpdir(), 'heddle-shim-'));

export const configuration: string = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'heddle',
  type: 'heddle',
});

export interface Execution extends ShimExecution {
  readonly tookMs: number;
}

export async function execute(
  environment: Record<string, string>,
  input: string,
): Promise<Execution> {
  const startedAt = performance.now();
  const execution = await executeShim(environment, input);
  return { ...execution, tookMs: performance.now() - startedAt };
}

export const addTo = (socket: string): Record<'CNI_COMMAND' | 'HEDDLE_SOCKET', string> => ({
  CNI_COMMAND: 'ADD',
  HEDDLE_SOCKET: socket,
});

let sockets = 0;

export function freshSocket(): string {
  sockets += 1;
  return path.join(directory, `${sockets}.sock`);
}

/** A message in the format of both sides of the CNI socket. */
export function cniFrame(body: Uint8Array | string): Buffer {
  const bytes = Buffer.from(body);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The agent's answer. `outcome`: 0 and 1 are exit codes, 2 is a refusal. */
export function answerFrame(outcome: number, text = ''): Buffer {
  return cniFrame(Buffer.concat([Uint8Array.of(outcome), Buffer.from(text)]));
}

export interface ShimAgent extends AsyncDisposable {
  /** The API's socket, which requests name; the agent listens next to it. */
  readonly socket: string;
  readonly bodies: readonly Uint8Array[];
}

export async function listen(
  server: net.Server,
  bodies: readonly Uint8Array[],
): Promise<ShimAgent> {
  const clients = new Set<net.Socket>();
  server.on('connection', (client: net.Socket) => clients.add(client));
  const socket = freshSocket();
  server.listen(cniSocketOf(socket));
  await once(server, 'listening');
  return {
    socket,
    bodies,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export function variables(): Record<string, string> {
  const names = Array.from({ length: 11 }, (_, index) => `CNI_${index}`);
  return Object.fromEntries(names.map((name) => [name, 'x'.repeat(100_000)]));
}

after(() => rmSync(directory, { recursive: true }));

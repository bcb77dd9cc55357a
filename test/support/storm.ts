// Short connections from few source ports (test/lab/programs/storm.c), and the letters of the servers that answer them.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestLab } from './lab.ts';
import { testProgram } from './lab-traffic.ts';

const program = join(dirname(fileURLToPath(import.meta.url)), '../lab/programs/storm');

export const stormPort = 9000;
/** Where the same pod answers as `who serve`. */
export const whoPort = 9001;

export interface Storm {
  readonly address: string;
  readonly port: number;
  /** Default: as many as there is time for. */
  readonly connections?: number;
  readonly seconds: number;
  readonly firstPort: number;
  readonly ports: number;
}

/** A pod that answers storms with its name, which is a letter. */
export function stormPod(name: string, node: string): object {
  const serve = `${program} serve ${stormPort} ${name} &`;
  const who = `exec ${testProgram('who').join(' ')} serve ${name} ${whoPort}`;
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name } },
    spec: {
      nodeName: node,
      containers: [{ name: 'storm', command: ['sh', '-c'], args: [`${serve}\n${who}`] }],
    },
  };
}

/** From the world; returns the number of connections for each outcome: a server's letter or an error. */
export async function stormFromWorld(
  lab: TestLab,
  { address, port, connections = 100_000_000, seconds, firstPort, ports }: Storm,
): Promise<Readonly<Record<string, number>>> {
  const words = [address, port, connections, seconds, firstPort, ports].map(String);
  const finished = await lab.inNode('world', [program, 'ask', ...words]);
  assert.equal(finished.exitCode, 0, finished.stderr);
  return JSON.parse(finished.stdout) as Record<string, number>;
}

/** Every connection was answered by one of these servers, and each of them answered some. */
export function assertOnly(counts: Readonly<Record<string, number>>, servers: string): void {
  assert.deepEqual(Object.keys(counts).sort().join(''), servers, JSON.stringify(counts));
}

export function connectionsIn(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

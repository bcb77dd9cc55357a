// Traffic of lab tests: small programs run in pods.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { echoPort } from '../../src/lab/programs/echo-answer.ts';
import type { Finished } from '../../src/lab/spawn.ts';
import type { TestLab } from './lab.ts';

export interface DatagramCount {
  readonly sent: number;
  readonly received: number;
  /** The numbers of the first ten missing answers. */
  readonly missing: readonly number[];
}

export interface DatagramOptions {
  readonly address: string;
  /** Default: the echo server's port. */
  readonly port?: number;
  readonly count: number;
  readonly intervalMs?: number;
  readonly sizeBytes?: number;
}

/** Sends datagrams from a pod to an echo server and counts the answers. */
export function echoDatagrams(
  lab: TestLab,
  pod: string,
  options: DatagramOptions,
): Promise<DatagramCount> {
  return countDatagrams((command) => lab.inPod(pod, command), options);
}

/** The same from a node or from `world`. */
export function datagramsOfNode(
  lab: TestLab,
  node: string,
  options: DatagramOptions,
): Promise<DatagramCount> {
  return countDatagrams((command) => lab.inNode(node, command), options);
}

async function countDatagrams(
  run: (command: readonly string[]) => Promise<Finished>,
  { address, port = echoPort, count, intervalMs = 1, sizeBytes = 16 }: DatagramOptions,
): Promise<DatagramCount> {
  const words = [address, count, intervalMs, sizeBytes, port].map(String);
  const { exitCode, stdout, stderr } = await run([...testProgram('datagrams'), ...words]);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as DatagramCount;
}

/** Three echo requests, which must all be answered. */
export async function ping(
  lab: TestLab,
  pod: string,
  address: string,
  sizeBytes = 56,
): Promise<void> {
  const command = [
    'busybox',
    'ping',
    '-c',
    '3',
    '-i',
    '0.1',
    '-W',
    '2',
    '-s',
    `${sizeBytes}`,
    address,
  ];
  const { exitCode, stdout, stderr } = await lab.inPod(pod, command);
  assert.equal(exitCode, 0, `ping ${address} from ${pod}: ${stdout}${stderr}`);
  assert.match(stdout, /3 packets received/);
}

/** The command of a program in test/lab/programs. */
export function testProgram(name: string): readonly string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  return [process.execPath, join(here, `../lab/programs/${name}.js`)];
}

// Traffic of lab tests: small programs run in pods.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestLab } from './lab.ts';

export interface DatagramCount {
  readonly sent: number;
  readonly received: number;
  /** The numbers of the first ten that did not come back. */
  readonly missing: readonly number[];
}

export interface DatagramOptions {
  readonly address: string;
  readonly count: number;
  readonly intervalMs?: number;
  readonly sizeBytes?: number;
}

/** Sends datagrams from a pod to an echo server and counts the answers. */
export async function datagrams(
  lab: TestLab,
  pod: string,
  { address, count, intervalMs = 1, sizeBytes = 16 }: DatagramOptions,
): Promise<DatagramCount> {
  const words = [address, count, intervalMs, sizeBytes].map(String);
  const { exitCode, stdout, stderr } = await lab.inPod(pod, [
    ...testProgram('datagrams'),
    ...words,
  ]);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as DatagramCount;
}

/** Three echo requests, all of which have to be answered. */
export async function ping(lab: TestLab, pod: string, address: string): Promise<void> {
  const command = ['busybox', 'ping', '-c', '3', '-i', '0.1', '-W', '2', address];
  const { exitCode, stdout, stderr } = await lab.inPod(pod, command);
  assert.equal(exitCode, 0, `ping ${address} from ${pod}: ${stdout}${stderr}`);
  assert.match(stdout, /3 packets received/);
}

function testProgram(name: string): readonly string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  return [process.execPath, join(here, `../lab/programs/${name}.js`)];
}

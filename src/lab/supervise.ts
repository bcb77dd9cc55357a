// The supervisor: the process that owns a lab from up to down. `lab up` starts it detached and listens to its first
// messages; the demo is its own supervisor.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorText } from '../base/errors.ts';
import { Lab, type LabOptions } from './lab.ts';
import { heddleCommand, labPaths } from './paths.ts';
import { nodeLines, podLine } from './progress.ts';
import { type LabRecord, readLabRecord } from './record.ts';

/** What the supervisor tells whoever started it. */
type Message =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'up' }
  | { readonly kind: 'failed'; readonly text: string };

/** Why a lab in the background did not come up. */
export class LabStartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LabStartError';
  }
}

/** Starts a lab in the background and returns when it is up; `onLine` gets the progress. Throws LabStartError. */
export async function startDetached(
  options: LabOptions,
  onLine: (line: string) => void,
): Promise<LabRecord> {
  const paths = labPaths(options.name);
  mkdirSync(dirname(paths.log), { recursive: true });
  const log = openSync(paths.log, 'a');
  const [program = '', ...words] = [
    ...heddleCommand(),
    'lab',
    'supervise',
    JSON.stringify(options),
  ];
  const child = spawn(program, words, { detached: true, stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  await untilUp(child, onLine).catch((error: Error) => {
    rmSync(paths.log, { force: true });
    throw error;
  });
  child.disconnect();
  child.unref();
  const record = readLabRecord(options.name);
  if (record === undefined) throw new Error(`lab ${options.name} has no record at ${paths.record}`);
  return record;
}

/** The body of the hidden `lab supervise` command: runs until SIGTERM or SIGINT. */
export async function supervise(options: LabOptions): Promise<void> {
  const stopped = stopSignal();
  try {
    const lab = await Lab.build({ ...options, onNote: (text) => console.log(text) });
    try {
      await Promise.race([lab.startAgents(), stopped]);
      for (const text of nodeLines(lab.record())) tell({ kind: 'line', text });
      const startedAt = Date.now();
      await Promise.race([lab.startPods(), stopped]);
      tell({ kind: 'line', text: podLine(lab.record(), Date.now() - startedAt) });
      lab.watch();
      tell({ kind: 'up' });
      await stopped;
    } finally {
      await lab.close();
    }
  } catch (error) {
    console.log(error);
    tell({ kind: 'failed', text: errorText(error) });
    process.exitCode = 1;
  }
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; later ones are ignored so that the removal is not cut short. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, resolve);
  });
}

function untilUp(child: ChildProcess, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new LabStartError(`its supervisor ended with exit code ${code}`)),
    );
    child.on('message', (message: Message) => {
      if (message.kind === 'line') onLine(message.text);
      if (message.kind === 'up') resolve();
      if (message.kind === 'failed') reject(new LabStartError(message.text));
    });
  });
}

function tell(message: Message): void {
  // Whoever started the lab may have left.
  if (process.connected) process.send?.(message);
}

// The supervisor: the process that owns a lab while it runs. `lab up` starts it detached and reads its first messages;
// the demo is its own supervisor.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorText } from '../base/errors.ts';
import { Lab, type LabOptions } from './lab.ts';
import { heddleCommand, labPaths } from './paths.ts';
import { nodeLines, podLine } from './progress.ts';
import { type LabRecord, readLabRecord } from './record.ts';

/** Messages from the supervisor to the process that started it. */
type Message =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'up' }
  | { readonly kind: 'failed'; readonly text: string };

/** Why a lab in the background failed to start. */
export class LabStartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LabStartError';
  }
}

/** Starts a lab in the background and returns when it runs. `onLine` receives the progress. Throws LabStartError. */
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

/** Implements the hidden command `lab supervise`: runs until SIGTERM or SIGINT. */
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

/** Resolves on the first SIGINT, SIGTERM or SIGHUP. Later ones are ignored, so that the removal is not interrupted. */
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
  // The process that started the lab may have ended.
  if (process.connected) process.send?.(message);
}

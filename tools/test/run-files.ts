// Runs test files in their own process and returns the results of their tests.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markedFile, type TestEvent } from './events.ts';

export interface FileResult {
  readonly file: string;
  readonly tests: readonly TestEvent[];
  /** The output of the process, both streams in order of arrival. */
  readonly output: string;
  readonly elapsedMs: number;
}

export interface RunFileOptions {
  readonly timeoutMs: number;
  /** Aborted when the user presses Ctrl-C: the file gets SIGINT and time to clean up. */
  readonly signal: AbortSignal;
}

const reporter = new URL('./events.js', import.meta.url).href;
const batch = fileURLToPath(new URL('./batch.js', import.meta.url));

/** @param files the sources, `src/net/address.test.ts`; their compiled files in dist/ are run. */
export async function runFiles(
  files: readonly string[],
  options: RunFileOptions,
): Promise<readonly FileResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-test-'));
  const started = performance.now();
  try {
    const eventFile = join(folder, 'events');
    const child = spawn(
      process.execPath,
      [
        `--test-reporter=${reporter}`,
        `--test-reporter-destination=${eventFile}`,
        ...(files.length === 1 ? [] : [batch]),
        ...files.map(compiledTwin),
      ],
      // Its own process group, so that everything that it started can be ended with it.
      { detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const { output, ending } = await waitFor(child, options);
    const elapsedMs = performance.now() - started;
    return byFile(files, readEvents(eventFile), ending).map(({ file, tests }) => ({
      file,
      tests,
      output,
      elapsedMs: files.length === 1 ? elapsedMs : sum(tests.map(({ ms = 0 }) => ms)),
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compiledTwin(file: string): string {
  return join('dist', file.replace(/\.ts$/, '.js'));
}

interface Ended {
  readonly output: string;
  /** How the process ended, if not normally: `exit code 1`, `SIGSEGV`, `no end after 30 s`. */
  readonly ending: string | undefined;
}

async function waitFor(child: ChildProcess, options: RunFileOptions): Promise<Ended> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => child.on('close', resolve));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    signalGroup(child, 'SIGKILL');
  }, options.timeoutMs);
  const interrupt = (): void => signalGroup(child, 'SIGINT');
  options.signal.addEventListener('abort', interrupt);
  const ending = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    // Not 'close': a process that the test left behind may hold the pipes open.
    child.on('exit', (code, signal) =>
      resolve(signal ?? (code === 0 ? undefined : `exit code ${code}`)),
    );
  });
  clearTimeout(timer);
  options.signal.removeEventListener('abort', interrupt);
  // Processes that it left running end with it. Then the rest of its output arrives, but the wait is limited: a daemon
  // may keep the pipes open.
  signalGroup(child, 'SIGKILL');
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500))]);
  return {
    output: Buffer.concat(chunks).toString(),
    ending: timedOut ? `no end after ${options.timeoutMs / 1000} s` : ending,
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is empty, as wanted.
  }
}

function readEvents(eventFile: string): TestEvent[] {
  try {
    return readFileSync(eventFile, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line): TestEvent => JSON.parse(line));
  } catch {
    return []; // It ended before its first test: closeBooks() says so.
  }
}

/**
 * Assigns each event to its file by the marks between them; a single file needs none. If a process ended abnormally
 * without a failed test, the last file that was begun is to blame. A file that ran no test has failed, too.
 */
export function byFile(
  files: readonly string[],
  events: readonly TestEvent[],
  ending: string | undefined,
): readonly Pick<FileResult, 'file' | 'tests'>[] {
  const [first = '', ...others] = files;
  if (others.length === 0) return [{ file: first, tests: closeBooks(events, ending) }];
  const tests = new Map<string, TestEvent[]>();
  let own: TestEvent[] = [];
  for (const event of events) {
    const file = markedFile(event.name);
    if (file === undefined) {
      own.push(event);
    } else {
      own = [];
      tests.set(file, own);
    }
  }
  const lastBegun = files.findLastIndex((file) => tests.has(compiledTwin(file)));
  const hasFailed = events.some(({ outcome }) => outcome === 'failed');
  return files.map((file, index) => {
    const ended = index >= lastBegun && !hasFailed ? ending : undefined;
    return { file, tests: closeBooks(tests.get(compiledTwin(file)) ?? [], ended) };
  });
}

/** A file that ended abnormally without a failed test, or that ran no test, counts as failed. */
export function closeBooks(
  events: readonly TestEvent[],
  ending: string | undefined,
): readonly TestEvent[] {
  const failed = events.some((event) => event.outcome === 'failed');
  if (ending !== undefined && !failed)
    return [...events, { outcome: 'failed', name: '(the file itself)', text: ending }];
  if (events.every((event) => event.outcome === 'told'))
    return [...events, { outcome: 'failed', name: '(the file itself)', text: 'ran no test' }];
  return events;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

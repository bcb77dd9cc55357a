// A new network namespace for each root test: `heddle-test-PID-N` under /run/netns, removed after the test. Remains of
// an aborted run (its pid is dead) are removed at the first use in the next run.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import type { TestContext } from 'node:test';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';

const directory = '/run/netns';
const prefix = 'heddle-test-';
let made = 0;

export function testNamespace(context: Pick<TestContext, 'after'>): NetworkNamespace {
  const path = testNamespacePath();
  const namespace = NetworkNamespace.create(path);
  context.after(() => {
    namespace[Symbol.dispose]();
    NetworkNamespace.remove(path);
  });
  return namespace;
}

/** A free path for a test that creates and removes its namespace itself. */
export function testNamespacePath(): string {
  if (made === 0) removeLeftovers();
  made++;
  return `${directory}/${prefix}${process.pid}-${made}`;
}

/** Runs a program inside and returns its output; throws an Error if it fails. */
export function runIn(namespace: NetworkNamespace, command: string, ...args: string[]): string {
  return execFileSync('nsenter', [netOption(namespace), command, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Commands of `ip` inside, IPv6's with `-6`. */
export function ipIn(namespace: NetworkNamespace, ...commands: readonly string[]): void {
  for (const command of commands) {
    const family = command.includes('::') ? ['-6'] : [];
    runIn(namespace, 'ip', ...family, ...command.split(' '));
  }
}

/** Where another process, or `portOf`, finds it. */
export function placeOf({ fd }: NetworkNamespace): { readonly namespacePath: string } {
  return { namespacePath: `/proc/${process.pid}/fd/${fd}` };
}

/** Starts a program inside; the test ends it. */
export function spawnIn(
  namespace: NetworkNamespace,
  command: string,
  args: readonly string[],
): ChildProcess {
  return spawn('nsenter', [netOption(namespace), command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

// By descriptor, not by path: this also works for a namespace without a name.
function netOption(namespace: NetworkNamespace): string {
  return `--net=/proc/${process.pid}/fd/${namespace.fd}`;
}

function removeLeftovers(): void {
  if (!fs.existsSync(directory)) return;
  for (const name of fs.readdirSync(directory)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(name.slice(prefix.length).split('-')[0]);
    if (pid !== process.pid && fs.existsSync(`/proc/${pid}`)) continue;
    try {
      NetworkNamespace.remove(`${directory}/${name}`);
    } catch {
      // Another test process that started at the same time was faster.
    }
  }
}

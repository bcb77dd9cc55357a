// The liveness probe of an agent that does not answer: alive while the kernel keeps it waiting, because a restart could
// not end that.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cniSocketOf } from '../../src/api/socket.ts';
import { eventuallyPasses } from '../support/agent-process.ts';
import { rootTest } from '../support/root-test.ts';

const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));
const program = fileURLToPath(new URL('./programs/unanswering.js', import.meta.url));

rootTest(
  'an agent that waits in the kernel is alive, one that only computes is not',
  async (context) => {
    const [waiting, computing] = await Promise.all([
      probe(await unanswering(context, { isInKernel: true })),
      probe(await unanswering(context, { isInKernel: false })),
    ]);
    assert.match(waiting.text, /^the Heddle agent at \S+ waits for the kernel\n$/);
    assert.equal(waiting.exitCode, 0);
    assert.match(computing.text, /^the Heddle agent at \S+: Resource temporarily unavailable\n$/);
    assert.equal(computing.exitCode, 1);
  },
);

/** Returns the path of its socket, without the plugin's ending. */
async function unanswering(
  context: TestContext,
  { isInKernel }: { readonly isInKernel: boolean },
): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'heddle-probe-'));
  const socket = path.join(folder, 'agent.sock');
  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const words = [program, cniSocketOf(socket), ...(isInKernel ? [fifo] : [])];
  const child = spawn(process.execPath, words, { stdio: 'inherit' });
  context.after(() => {
    child.kill('SIGKILL');
    // Its own child continues and ends.
    fs.closeSync(fs.openSync(fifo, fs.constants.O_RDWR));
    fs.rmSync(folder, { recursive: true });
  });
  await eventuallyPasses(() => fs.accessSync(cniSocketOf(socket)));
  return socket;
}

async function probe(socket: string): Promise<{ exitCode: number | null; text: string }> {
  const child = spawn(shim, ['alive', socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += String(chunk);
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, text };
}

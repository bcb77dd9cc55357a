// A separate folder in the bpf file system for each root test: `heddle-test-PID-N`, removed after the test with
// everything pinned in it. Remains of an aborted run are removed at the first use in the next run.

import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { mount } from '../../src/kernel/libc.ts';

const root = '/sys/fs/bpf';
const prefix = 'heddle-test-';
const bpfMagic = 0xcafe4a11;
let made = 0;

export function testPinFolder(context: TestContext): string {
  if (fs.statfsSync(root).type !== bpfMagic) {
    mount({ source: 'bpffs', target: root, type: 'bpf' });
  }
  if (made === 0) removeLeftovers();
  made++;
  const folder = path.join(root, `${prefix}${process.pid}-${made}`);
  fs.mkdirSync(folder, { mode: 0o700 });
  context.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function removeLeftovers(): void {
  for (const name of fs.readdirSync(root)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(name.slice(prefix.length).split('-')[0]);
    if (pid === process.pid || fs.existsSync(`/proc/${pid}`)) continue;
    fs.rmSync(path.join(root, name), { recursive: true, force: true });
  }
}

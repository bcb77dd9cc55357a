// Folders for pins and cgroups of root tests, which are removed with the test.

import { mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import { bpffsPath, findCgroup2Mount, mountBpffs } from '../../src/kernel/requirements.ts';

let made = 0;

/** An object of test/bpf, opened now and disposed of with the test. */
export function openTestObject(context: TestContext, name: string): BpfObject {
  const object = BpfObject.open(readFileSync(`dist/test/bpf/${name}.bpf.o`), { name });
  context.after(() => object[Symbol.dispose]());
  return object;
}

/** The same, loaded. */
export function loadTestObject(context: TestContext, name: string): BpfObject {
  const object = openTestObject(context, name);
  object.load();
  return object;
}

/** A folder in bpffs; its pins are removed with it. */
export function pinFolder(context: TestContext): string {
  mountBpffs();
  const folder = `${bpffsPath}/heddle-test-${process.pid}-${++made}`;
  mkdirSync(folder);
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A cgroup without processes. */
export function testCgroup(context: TestContext): string {
  const root = findCgroup2Mount();
  if (root === undefined) throw new Error('no cgroup v2 is mounted');
  const folder = `${root}/heddle-test-${process.pid}-${++made}`;
  mkdirSync(folder);
  context.after(() => rmdirSync(folder));
  return folder;
}

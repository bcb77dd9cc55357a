import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bind, close, socket } from '../../kernel/libc.ts';
import { nameHolder } from './name-holder.ts';

const stream = 1;
const datagram = 2;
let names = 0;
const freshName = (): string => `heddle-test-${process.pid}-${names++}`;

/** A clock that does not depend on the load of the machine. */
const still = (): number => 0;

/** Binds to a path, or to an abstract name if it begins with a zero byte. */
function bound(context: TestContext, path: string, type = stream): void {
  const fd = socket(1, type, 0);
  context.after(() => close(fd));
  bind(fd, Buffer.concat([new Uint8Array(new Uint16Array([1]).buffer), Buffer.from(path)]));
}

test('the process that holds a name is found, with its user', (context) => {
  const name = freshName();
  bound(context, `\0${name}`);
  const { uid, pid } = nameHolder(name, still);
  assert.deepEqual({ uid, pid }, { uid: process.geteuid?.(), pid: process.pid });
});

test('a name that only looks the same as text is not taken for it', (context) => {
  const name = freshName();
  const folder = mkdtempSync(join(tmpdir(), 'heddle-name-'));
  const before = process.cwd();
  process.chdir(folder);
  context.after(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
  bound(context, `@${name}`);
  bound(context, `\0${name}`, datagram);
  bound(context, `\0${name}\0`);
  bound(context, `\0x\n0: 00000002 00000000 00010000 0001 01 1 @${name}`);
  assert.deepEqual(nameHolder(name, still), { isPrivileged: false });
});

test('a search ends at its time limit even without a result', (context) => {
  const name = freshName();
  bound(context, `\0${name}`);
  let looks = 0;
  const slow = (): number => 100 * looks++;
  const { uid, pid } = nameHolder(name, slow);
  assert.deepEqual({ uid, pid }, { uid: process.geteuid?.(), pid: undefined });
  assert.ok(looks < 12, `${looks} looks`);
});

test('only the first descriptors of a process with very many are searched', (context) => {
  const name = freshName();
  for (let count = 0; count < 1_100; count++) {
    const fd = openSync('/dev/null', 'r');
    context.after(() => closeSync(fd));
  }
  bound(context, `\0${name}`);
  const { uid, pid } = nameHolder(name, still);
  assert.deepEqual({ uid, pid }, { uid: process.geteuid?.(), pid: undefined });
});

// The state directory on a full or read-only disk: new pods are refused with a clear text, running pods are not
// affected, and everything works again when the disk does.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { listLinks } from '../../src/kernel/netlink/link.ts';
import { assertFails, makeNode, makePod, type TestNode } from '../support/cni-node.ts';
import { rootTest } from '../support/root-test.ts';
import { textsOf } from '../support/texts-of.ts';

const mount = (...words: readonly string[]): Buffer => execFileSync('mount', words);

/** A node whose records stand on a disk of 16 KB: four of them. */
async function onSmallDisk(
  context: TestContext,
  run: (node: TestNode) => Promise<void>,
): Promise<void> {
  const node = makeNode(context);
  mount('-t', 'tmpfs', '-o', 'size=16k', 'heddle-test', node.directory);
  try {
    await run(node);
  } finally {
    execFileSync('umount', [node.directory]);
  }
}

rootTest('an ADD on a full disk fails with code 5 and leaves nothing; other pods stay', (context) =>
  onSmallDisk(context, async (node) => {
    const [running, refused] = [makePod(context), makePod(context)];
    assert.equal((await node.call('ADD', running)).exitCode, 0);
    const before = { records: readdirSync(node.directory), links: listLinks(node.socket).length };
    const filler = join(node.directory, 'filler');
    writeFileSync(filler, Buffer.alloc(12 * 1024));
    const answer = await node.call('ADD', refused);
    assertFails(answer, 5, /write endpoint record .*hd[0-9a-f]+\.json: ENOSPC/);
    assert.match(String(answer.json?.['details']), /stateDir must be writable and have free space/);
    rmSync(filler);
    const after = { records: readdirSync(node.directory), links: listLinks(node.socket).length };
    assert.deepEqual(after, before);
    assert.equal(node.pods.endpoints().length, 1);
    // Room for the reservation is room for the finished record.
    writeFileSync(filler, Buffer.alloc(8 * 1024));
    assert.equal((await node.call('ADD', refused)).exitCode, 0);
    rmSync(filler);
    assert.equal((await node.restart()).endpoints().length, 2, 'the records are whole');
  }),
);

rootTest(
  'on a read-only disk ADD fails with code 5, DEL works, and the record is deleted when the disk is writable',
  (context) =>
    onSmallDisk(context, async (node) => {
      const [running, refused] = [makePod(context), makePod(context)];
      assert.equal((await node.call('ADD', running)).exitCode, 0);
      mount('-o', 'remount,ro', node.directory);
      assertFails(await node.call('ADD', refused), 5, /write endpoint record .*EROFS/);
      assert.equal(listLinks(node.socket).length, 2, 'loopback and the pod that runs');
      assert.equal(node.pods.endpoints().length, 1);
      assert.equal((await node.call('DEL', running)).exitCode, 0);
      assert.equal(node.pods.endpoints().length, 0);
      assert.match(
        textsOf(node.pods.problems()),
        /^stateDir: remove endpoint record .*EROFS.*; no pod/,
      );
      assert.equal(readdirSync(node.directory).length, 1);
      mount('-o', 'remount,rw', node.directory);
      node.pods.keepRecords();
      assert.deepEqual(node.pods.problems(), []);
      assert.deepEqual(readdirSync(node.directory), []);
      assert.equal((await node.call('DEL', running)).exitCode, 0);
      assert.equal((await node.call('ADD', refused)).exitCode, 0);
      assert.equal(readdirSync(node.directory).length, 1);
    }),
);

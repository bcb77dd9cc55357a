import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachAll } from '../attach/tcx-links.ts';
import { linkPinName, parseLinkPinName, unpinFolder } from './pins.ts';

test("a link's file name says interface and hook, without dots", () => {
  for (const ifName of ['eth0', 'eth0.100', 'hd0123456789a', 'a-b.c']) {
    const name = linkPinName(ifName, 'from_network');
    assert.doesNotMatch(name, /\./);
    assert.deepEqual(parseLinkPinName(name), { ifName, hook: 'from_network' });
  }
});

test('other names are nobody of ours', () => {
  for (const name of ['eth0', '-from_pod', 'eth0-from_elsewhere', '']) {
    assert.equal(parseLinkPinName(name), undefined, name);
  }
});

test('nothing is removed outside of a bpf file system', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-pins-'));
  context.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'maps'));
  for (const name of ['eth0-from_pod', 'maps/routes']) writeFileSync(join(folder, name), '');
  assert.equal(unpinFolder(join(folder, 'maps')), 0);
  assert.equal(detachAll(folder, assert.fail), 0);
  assert.deepEqual(readdirSync(folder, { recursive: true }).sort(), [
    'eth0-from_pod',
    'maps',
    'maps/routes',
  ]);
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachAll } from '../attach/pinned-link.ts';
import type { AttachmentName } from '../attacher.ts';
import { hookPoints, hookPointsOf } from '../hooks.ts';
import { linkPinName, parseLinkPinName, unpinFolder } from './pins.ts';

test("a link's file name contains interface and hook, without dots", () => {
  for (const ifName of ['eth0', 'eth0.100', 'hd0123456789a', 'a-b.c']) {
    const place = { target: 'interface', ifName, hook: 'from_network' } as const;
    const name = linkPinName(place);
    assert.doesNotMatch(name, /\./);
    assert.deepEqual(parseLinkPinName(name, hookPoints), place);
  }
});

test("a link's file name says cgroup or namespace and hook, without dots and slashes", () => {
  const hooks = hookPointsOf({ connect: 'cgroup/connect4', look_up: 'sk_lookup' });
  const path = '/sys/fs/cgroup/kubepods.slice/kubepods-pod0_1.slice/cri:0%2F-a.scope';
  const places: readonly AttachmentName<'connect' | 'look_up'>[] = [
    { target: 'cgroup', path, hook: 'connect' },
    { target: 'netns', path: '/run/netns/a.b', hook: 'look_up' },
  ];
  for (const place of places) {
    const name = linkPinName(place);
    assert.doesNotMatch(name, /[./]/);
    assert.deepEqual(parseLinkPinName(name, hooks), place);
  }
  assert.equal(parseLinkPinName('%zz-connect', hooks), undefined);
});

test('other names are not recognised', () => {
  for (const name of ['eth0', '-from_pod', 'eth0-from_elsewhere', 'eth0-toString', '']) {
    assert.equal(parseLinkPinName(name, hookPoints), undefined, name);
  }
});

test('nothing is removed outside a bpf file system', (context) => {
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkPinName, parseLinkPinName } from './pins.ts';

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

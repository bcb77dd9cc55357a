import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '../kernel/netlink/link-record.ts';
import { overlayMac } from '../model/overlay-device.ts';
import { parseMac } from '../net/mac.ts';
import { isOurs } from './uninstall.ts';

const vxlan = { collectMetadata: true, port: 4789, id: 0 };
const other = parseMac('02:00:5e:10:00:01');

type Traits = Parameters<typeof isOurs>[0];
const rows: readonly (readonly [string, Traits, boolean])[] = [
  ['the VXLAN device', { name: 'heddle_vxlan', kind: 'vxlan', mac: overlayMac, vxlan }, true],
  ['with another MAC', { name: 'heddle_vxlan', kind: 'vxlan', mac: other, vxlan }, true],
  ['under another name', { name: 'vx7', kind: 'vxlan', mac: overlayMac, vxlan }, true],
  ['of another network', { name: 'vx7', kind: 'vxlan', mac: other, vxlan }, false],
  [
    'with one tunnel key',
    { name: 'vx7', kind: 'vxlan', mac: overlayMac, vxlan: { ...vxlan, collectMetadata: false } },
    false,
  ],
  ['a bridge of that name', { name: 'heddle_vxlan', kind: 'bridge', mac: overlayMac }, false],
  ['a bridge of that MAC', { name: 'br0', kind: 'bridge', mac: overlayMac }, false],
] satisfies readonly (readonly [string, Partial<Link> & Traits, boolean])[];

for (const [what, link, expected] of rows) {
  test(`uninstall ${expected ? 'removes' : 'leaves'} a device: ${what}`, () => {
    assert.equal(isOurs(link), expected);
  });
}

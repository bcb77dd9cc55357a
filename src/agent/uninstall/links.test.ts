import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '../../kernel/netlink/link-record.ts';
import { ownMacs } from '../../model/ids.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import { gatewayMac } from '../../pods/interface/gateway.ts';
import { isOurs } from './links.ts';

const vxlan = { collectMetadata: true, port: 4789, id: 0 };
const other = parseMac('02:00:5e:10:00:01');

type Traits = Omit<Parameters<typeof isOurs>[0], 'ifIndex'>;
const marks = { withBlocks: new Set([8 as IfIndex]), recorded: new Set([9 as IfIndex]) };
const rows: readonly (readonly [string, Traits, boolean])[] = [
  ['the VXLAN device', { name: 'heddle_vxlan', kind: 'vxlan', mac: ownMacs.overlay, vxlan }, true],
  ['with another MAC', { name: 'heddle_vxlan', kind: 'vxlan', mac: other, vxlan }, true],
  ['under another name', { name: 'vx7', kind: 'vxlan', mac: ownMacs.overlay, vxlan }, true],
  ['of another network', { name: 'vx7', kind: 'vxlan', mac: other, vxlan }, false],
  [
    'with one tunnel key',
    {
      name: 'vx7',
      kind: 'vxlan',
      mac: ownMacs.overlay,
      vxlan: { ...vxlan, collectMetadata: false },
    },
    false,
  ],
  ['a bridge of that name', { name: 'heddle_vxlan', kind: 'bridge', mac: ownMacs.overlay }, false],
  ['a bridge of that MAC', { name: 'br0', kind: 'bridge', mac: ownMacs.overlay }, false],
] satisfies readonly (readonly [string, Partial<Link> & Traits, boolean])[];

for (const [what, link, expected] of rows) {
  test(`uninstall ${expected ? 'removes' : 'leaves'} a device: ${what}`, () => {
    assert.equal(isOurs({ ...link, ifIndex: 7 as IfIndex }, marks), expected);
  });
}

const name = 'hd0123456789a';
const pods: readonly (readonly [string, readonly [number, string, string], boolean])[] = [
  ["a pod's", [7, name, gatewayMac], true],
  ['one of that name alone', [7, name, other], false],
  ['one of that MAC alone', [7, 'foo0', gatewayMac], false],
  ['with our blocks alone', [8, 'foo0', other], true],
  ['of a record, renamed', [9, 'foo0', gatewayMac], true],
  ['of a record, with another MAC', [9, name, other], true],
  ['with the index of an old record alone', [9, 'foo0', other], false],
];

for (const [what, [ifIndex, name, mac], expected] of pods) {
  test(`uninstall ${expected ? 'removes' : 'leaves'} a veth: ${what}`, () => {
    const link = { ifIndex: ifIndex as IfIndex, name, mac: parseMac(mac), kind: 'veth' };
    assert.equal(isOurs(link, marks), expected);
    assert.equal(isOurs({ ...link, kind: 'bridge' }, marks), false);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import type { Uplink } from '../host.ts';
import type { NetworkNode } from '../network-nodes.ts';
import { overlayExit } from './overlay-exit.ts';

const own: NetworkNode = {
  name: 'node-1',
  addresses: ['2001:db8:ffff::1', '198.51.100.1', '203.0.113.1'].map((text) => parseAddress(text)),
  podCidrs: [],
};
const eth0 = uplink(2, '198.51.100.1');
const eth1 = uplink(3, '203.0.113.1');

function uplink(ifIndex: number, address: string, fields: Partial<Uplink> = {}): Uplink {
  return {
    ifIndex: ifIndex as IfIndex,
    name: `eth${ifIndex - 2}`,
    mtuBytes: 1500,
    mac: parseMac('02:00:5e:10:00:01'),
    addresses: [{ address: parseAddress(address), prefixLength: 24 }],
    ...fields,
  };
}

interface Row {
  readonly what: string;
  readonly uplinks: readonly Uplink[];
  readonly own?: NetworkNode;
  readonly hasIpsec?: true;
  /** Interface index; absent: none. */
  readonly exit?: number;
}

const rows: readonly Row[] = [
  {
    what: 'the uplink with the address that other nodes send to',
    uplinks: [eth1, eth0],
    own,
    exit: 2,
  },
  { what: 'none when that address is elsewhere', uplinks: [eth1], own },
  { what: 'none without uplinks', uplinks: [], own },
  { what: 'none for an unknown node', uplinks: [eth0] },
  {
    what: 'none over IPv6 alone',
    uplinks: [uplink(2, '2001:db8:ffff::1')],
    own: { ...own, addresses: [parseAddress('2001:db8:ffff::1')] },
  },
  {
    what: 'none out of an uplink that has no Ethernet',
    uplinks: [{ ...eth0, mac: undefined }],
    own,
  },
  {
    what: 'none where a route carries less than the uplink',
    uplinks: [{ ...eth0, routeMtuBytes: 1400 }],
    own,
  },
  { what: 'none where policies of IPsec are to be asked', uplinks: [eth0], own, hasIpsec: true },
  {
    what: "a route with the uplink's own MTU is not an obstacle",
    uplinks: [{ ...eth0, routeMtuBytes: 1500 }],
    own,
    exit: 2,
  },
];

for (const { what, uplinks, own: node, exit, ...host } of rows) {
  test(`the exit besides the overlay device: ${what}`, () => {
    const address = parseAddress('198.51.100.1');
    const expected = exit === undefined ? undefined : { ifIndex: exit, address };
    assert.deepEqual(overlayExit({ uplinks, ...host }, node), expected);
  });
}

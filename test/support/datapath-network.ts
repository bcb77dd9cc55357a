// A small network for the data path's tests, with documentation addresses: two pods on this node, and one place of
// every other kind that a packet can go to.

import { routeKind } from '../../src/datapath/generated.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';

/** MAC of every pod's host-side interface. */
export const hostSideMac: Mac = parseMac('02:68:65:64:64:6c');
/** MAC of the uplink and of the tunnel device. */
export const hostMac: Mac = parseMac('02:00:5e:10:00:01');

/** The addresses of one place, by family. */
export interface AddressByFamily {
  readonly 4: Address;
  readonly 6: Address;
}

export interface Pod extends AddressByFamily {
  readonly id: number;
  readonly ifIndex: IfIndex;
  readonly mac: Mac;
}

/** The last digits of an address show its purpose: 10 web, 11 db, 99 a pod address that is not in use. */
export const web: Pod = {
  id: 1,
  ifIndex: 10 as IfIndex,
  mac: parseMac('02:00:5e:10:00:10'),
  4: parseAddress('192.0.2.10'),
  6: parseAddress('2001:db8:1::10'),
};
export const db: Pod = {
  id: 2,
  ifIndex: 11 as IfIndex,
  mac: parseMac('02:00:5e:10:00:11'),
  4: parseAddress('192.0.2.11'),
  6: parseAddress('2001:db8:1::11'),
};
export const uplink: IfIndex = 20 as IfIndex;
export const tunnelDevice: IfIndex = 21 as IfIndex;
/** An existing interface that no map contains. */
export const strangerIfIndex: IfIndex = 22 as IfIndex;

export type PlaceName =
  | 'node'
  | 'nobody'
  | 'native'
  | 'otherNative'
  | 'tunnelled'
  | 'tunnelledOverIpv6'
  | 'otherNode'
  | 'world';

export const places: Readonly<Record<PlaceName, AddressByFamily>> = {
  node: { 4: parseAddress('203.0.113.1'), 6: parseAddress('2001:db8:ffff::1') },
  nobody: { 4: parseAddress('192.0.2.99'), 6: parseAddress('2001:db8:1::99') },
  native: { 4: parseAddress('198.51.100.5'), 6: parseAddress('2001:db8:2::5') },
  otherNative: { 4: parseAddress('203.0.113.69'), 6: parseAddress('2001:db8:5::5') },
  tunnelled: { 4: parseAddress('198.51.100.133'), 6: parseAddress('2001:db8:3::5') },
  tunnelledOverIpv6: { 4: parseAddress('198.51.100.197'), 6: parseAddress('2001:db8:4::5') },
  otherNode: { 4: parseAddress('203.0.113.3'), 6: parseAddress('2001:db8:ffff::3') },
  world: { 4: parseAddress('203.0.113.200'), 6: parseAddress('2001:db8:eeee::200') },
};

/** The sources of other nodes' tunnel packets, by the pods that they carry. */
export const otherTunnelEnds: Readonly<Record<'tunnelled' | 'tunnelledOverIpv6', Address>> = {
  tunnelled: places.otherNode[4],
  tunnelledOverIpv6: parseAddress('2001:db8:ffff::4'),
};

export const nativeMtuBytes = 1500;
export const tunnelMtuBytes = 1450;
export const tunnelVni = 7;
/** A UDP port. */
export const tunnelPort = 4789;

/** Prefix, kind, next hop, interface. */
export const routes: readonly (readonly [string, number, string, number])[] = [
  ['192.0.2.0/24', routeKind.local, '::', 0],
  ['2001:db8:1::/64', routeKind.local, '::', 0],
  ['198.51.100.0/25', routeKind.native, '203.0.113.2', uplink],
  ['2001:db8:2::/64', routeKind.native, '2001:db8:ffff::2', uplink],
  ['203.0.113.64/28', routeKind.native, '203.0.113.5', uplink],
  ['2001:db8:5::/64', routeKind.native, '2001:db8:ffff::5', uplink],
  ['198.51.100.128/26', routeKind.overlay, '203.0.113.3', tunnelDevice],
  ['2001:db8:3::/64', routeKind.overlay, '203.0.113.3', tunnelDevice],
  ['198.51.100.192/26', routeKind.overlay, '2001:db8:ffff::4', tunnelDevice],
  ['2001:db8:4::/64', routeKind.overlay, '2001:db8:ffff::4', tunnelDevice],
  ['203.0.113.3/32', routeKind.node, '203.0.113.3', 0],
  ['2001:db8:ffff::3/128', routeKind.node, '203.0.113.3', 0],
  ['2001:db8:ffff::4/128', routeKind.node, '2001:db8:ffff::4', 0],
];

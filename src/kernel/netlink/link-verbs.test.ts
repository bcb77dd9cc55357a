// Each verb's bytes, compared once with what iproute2 6.1 sends for the same purpose (strace), except for the order of
// attributes, zero bytes at the end of names and the NLA_F_NESTED bit, which the kernel ignores.

import {
  add,
  change,
  dump,
  ifIndex,
  linkMac as mac,
  question,
  testVerbs,
} from '../../../test/support/verb-bytes.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parsePort } from '../../net/port.ts';
import { addBridge } from './bridge.ts';
import { delLink, linkByName, listLinks, setLink } from './link.ts';
import { addVeth } from './veth.ts';
import { addVxlan } from './vxlan.ts';

testVerbs([
  {
    name: 'ip link add veth0 index 7 address M mtu 1450 up type veth peer name eth0 index 9 mtu 1400',
    call: (socket) =>
      addVeth(socket, {
        name: 'veth0',
        ifIndex,
        mac,
        mtuBytes: 1450,
        up: true,
        peer: { name: 'eth0', ifIndex: 9 as IfIndex, mtuBytes: 1400 },
      }),
    type: 16,
    flags: add,
    payload: [
      '00000000 07000000 01000000 01000000',
      '0a000300 766574683000 0000',
      '0a000100 02005e100001 0000',
      '08000400 aa050000',
      '3c001280', // linkinfo
      '09000100 7665746800 000000',
      '2c000280', // data
      '28000180', // peer
      '00000000 09000000 00000000 00000000',
      '09000300 6574683000 000000',
      '08000400 78050000',
    ],
  },
  {
    name: 'ip link add vxlan0 type vxlan external dstport 4789, without ARP',
    call: (socket) =>
      addVxlan(socket, {
        name: 'vxlan0',
        collectMetadata: true,
        port: parsePort(4789),
        noArp: true,
      }),
    type: 16,
    flags: add,
    payload: [
      '00000000 00000000 80000000 80000000',
      '0b000300 76786c616e3000 00',
      '2c001280',
      '0a000100 76786c616e00 0000',
      '1c000280',
      '06000f00 12b5 0000',
      '05000700 00 000000',
      '05001900 01 000000',
    ],
  },
  {
    name: 'ip link add vxlan0 type vxlan id 42 remote 192.0.2.2 local 192.0.2.1 dstport 4789 nolearning',
    call: (socket) =>
      addVxlan(socket, {
        name: 'vxlan0',
        port: parsePort(4789),
        tunnel: { id: 42, remote: parseAddress('192.0.2.2'), local: parseAddress('192.0.2.1') },
      }),
    type: 16,
    flags: add,
    payload: [
      '00000000 00000000 00000000 00000000',
      '0b000300 76786c616e3000 00',
      '3c001280',
      '0a000100 76786c616e00 0000',
      '2c000280',
      '06000f00 12b5 0000',
      '05000700 00 000000',
      '08000100 2a000000',
      '08000200 c0000202',
      '08000400 c0000201',
    ],
  },
  {
    name: 'ip link add br0 type bridge',
    call: (socket) => addBridge(socket, { name: 'br0' }),
    type: 16,
    flags: add,
    payload: [
      '00000000 00000000 00000000 00000000',
      '08000300 62723000',
      '10001280',
      '0b000100 62726964676500 00',
    ],
  },
  {
    name: 'ip link set dev 7 up',
    call: (socket) => setLink(socket, { ifIndex, up: true }),
    type: 16,
    flags: change,
    payload: ['00000000 07000000 01000000 01000000'],
  },
  {
    name: 'ip link set dev 7 down nomaster name x',
    call: (socket) => setLink(socket, { ifIndex, up: false, master: 'none', name: 'x' }),
    type: 16,
    flags: change,
    payload: ['00000000 07000000 00000000 01000000', '06000300 7800 0000', '08000a00 00000000'],
  },
  {
    name: 'ip link set dev 7 addrgenmode none',
    call: (socket) => setLink(socket, { ifIndex, addrGenMode: 'none' }),
    type: 16,
    flags: change,
    payload: ['00000000 07000000 00000000 00000000', '10001a80', '0c000a80', '05000800 01 000000'],
  },
  {
    name: 'ip link delete dev 7',
    call: (socket) => delLink(socket, ifIndex),
    type: 17,
    flags: change,
    payload: ['00000000 07000000 00000000 00000000'],
  },
  {
    name: 'ip link show type veth master 3',
    call: (socket) => listLinks(socket, { kind: 'veth', master: 3 as IfIndex }),
    type: 18,
    flags: dump,
    payload: [
      '00000000 00000000 00000000 00000000',
      '08001d00 08000000',
      '08000a00 03000000',
      '10001280',
      '09000100 7665746800 000000',
    ],
  },
  {
    name: 'ip link show dev veth0',
    call: (socket) => linkByName(socket, 'veth0'),
    type: 18,
    flags: question,
    payload: [
      '00000000 00000000 00000000 00000000',
      '0a000300 766574683000 0000',
      '08001d00 08000000',
    ],
  },
  {
    name: 'ip link set dev X group 9 down',
    call: (socket) => setLink(socket, { ifIndex, up: false, group: 9 }),
    type: 16,
    flags: change,
    payload: ['00000000 07000000 00000000 01000000', '08001b00 09000000'],
  },
]);

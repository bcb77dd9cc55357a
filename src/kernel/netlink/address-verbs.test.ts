// Each verb's bytes, compared once with what iproute2 6.1 sends for the same purpose (strace), except for the order of
// attributes, zero bytes at the end of names and the NLA_F_NESTED bit, which the kernel ignores.

import {
  add,
  change,
  dump,
  ifIndex,
  linkMac as mac,
  replace,
  testVerbs,
} from '../../../test/support/verb-bytes.ts';
import { parseAddress } from '../../net/address.ts';
import { addAddress, delAddress, listAddresses, replaceAddress } from './address.ts';
import { delNeighbour, listNeighbours, replaceNeighbour } from './neighbour.ts';

testVerbs([
  {
    name: 'ip address add 192.0.2.7/32 dev 7 scope link',
    call: (socket) =>
      addAddress(socket, {
        ifIndex,
        address: parseAddress('192.0.2.7'),
        prefixLength: 32,
        scope: 'link',
      }),
    type: 20,
    flags: add,
    payload: ['022000fd 07000000', '08000200 c0000207', '08000100 c0000207'],
  },
  {
    name: 'ip address replace 2001:db8::7/128 dev 7 nodad noprefixroute',
    call: (socket) =>
      replaceAddress(socket, {
        ifIndex,
        address: parseAddress('2001:db8::7'),
        prefixLength: 128,
        noDad: true,
        noPrefixRoute: true,
      }),
    type: 20,
    flags: replace,
    payload: [
      '0a800000 07000000',
      '14000200 20010db8000000000000000000000007',
      '14000100 20010db8000000000000000000000007',
      '08000800 02020000',
    ],
  },
  {
    name: 'ip address delete 192.0.2.7/32 dev 7',
    call: (socket) =>
      delAddress(socket, { ifIndex, address: parseAddress('192.0.2.7'), prefixLength: 32 }),
    type: 21,
    flags: change,
    payload: ['02200000 07000000', '08000200 c0000207', '08000100 c0000207'],
  },
  {
    name: 'ip address show dev 7',
    call: (socket) => listAddresses(socket, { ifIndex }),
    type: 22,
    flags: dump,
    payload: ['00000000 07000000'],
  },
  {
    name: 'ip neigh replace 192.0.2.9 lladdr M dev 7 nud permanent',
    call: (socket) =>
      replaceNeighbour(socket, {
        ifIndex,
        address: parseAddress('192.0.2.9'),
        mac,
        state: 'permanent',
      }),
    type: 28,
    flags: replace,
    payload: ['02000000 07000000 8000 0000', '08000100 c0000209', '0a000200 02005e100001 0000'],
  },
  {
    name: 'ip neigh replace 192.0.2.9 dev 7 managed extern_learn protocol 73',
    call: (socket) =>
      replaceNeighbour(socket, {
        ifIndex,
        address: parseAddress('192.0.2.9'),
        state: 'none',
        protocol: 73,
        externallyLearned: true,
        managed: true,
      }),
    type: 28,
    flags: replace,
    payload: [
      '02000000 07000000 0000 1000',
      '08000100 c0000209',
      '05000c00 49000000',
      '08000f00 01000000',
    ],
  },
  {
    name: 'ip neigh delete 2001:db8::9 dev 7',
    call: (socket) => delNeighbour(socket, { ifIndex, address: parseAddress('2001:db8::9') }),
    type: 29,
    flags: change,
    payload: ['0a000000 07000000 0000 0000', '14000100 20010db8000000000000000000000009'],
  },
  {
    name: 'ip neigh show dev 7 nud all',
    call: (socket) => listNeighbours(socket, { ifIndex }),
    type: 30,
    flags: dump,
    payload: ['00000000 00000000 00000000', '08000800 07000000'],
  },
]);

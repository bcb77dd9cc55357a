// Each verb's bytes, compared once with what iproute2 6.1 sends for the same purpose (strace), except for the order of
// attributes, zero bytes at the end of names and the NLA_F_NESTED bit, which the kernel ignores.

import {
  add,
  change,
  dump,
  ifIndex,
  question,
  replace,
  testVerbs,
} from '../../../test/support/verb-bytes.ts';
import { parseAddress } from '../../net/address.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { addRoute, delRoute, listRoutes, lookUpRoute, replaceRoute } from './route.ts';
import { addRule, delRule, listRules } from './rule.ts';

const own = { protocol: 72, table: 254 } as const;

testVerbs([
  {
    name: 'ip route replace 198.51.100.0/24 via A dev 7 proto 72 onlink mtu 1400 metric 10 src A',
    call: (socket) =>
      replaceRoute(socket, {
        ...own,
        destination: parsePrefix('198.51.100.0/24'),
        type: 'unicast',
        gateway: parseAddress('192.0.2.254'),
        ifIndex,
        metric: 10,
        source: parseAddress('192.0.2.7'),
        mtuBytes: 1400,
        onlink: true,
      }),
    type: 24,
    flags: replace,
    payload: [
      '02180000 fe480001 04000000',
      '08000100 c6336400',
      '08000400 07000000',
      '08000500 c00002fe',
      '08000600 0a000000',
      '08000700 c0000207',
      '0c000880 08000200 78050000',
    ],
  },
  {
    name: 'ip route add 203.0.113.0/24 via inet6 2001:db8::2 dev 7 proto 72',
    call: (socket) =>
      addRoute(socket, {
        ...own,
        destination: parsePrefix('203.0.113.0/24'),
        type: 'unicast',
        gateway: parseAddress('2001:db8::2'),
        ifIndex,
      }),
    type: 24,
    flags: add,
    payload: [
      '02180000 fe480001 00000000',
      '08000100 cb007100',
      '08000400 07000000',
      '16001200 0a00 20010db8000000000000000000000002 0000',
    ],
  },
  {
    name: 'ip -6 route replace unreachable 2001:db8:3::/48 proto 72',
    call: (socket) =>
      replaceRoute(socket, {
        ...own,
        destination: parsePrefix('2001:db8:3::/48'),
        type: 'unreachable',
      }),
    type: 24,
    flags: replace,
    payload: ['0a300000 fe480007 00000000', '14000100 20010db8000300000000000000000000'],
  },
  {
    name: 'ip route replace 192.0.2.7/32 dev 7 proto 72, whose scope is link',
    call: (socket) =>
      replaceRoute(socket, {
        ...own,
        destination: parsePrefix('192.0.2.7/32'),
        type: 'unicast',
        ifIndex,
      }),
    type: 24,
    flags: replace,
    payload: ['02200000 fe48fd01 00000000', '08000100 c0000207', '08000400 07000000'],
  },
  {
    name: 'ip -6 route replace default dev 7 proto 72, which has no destination attribute',
    call: (socket) =>
      replaceRoute(socket, { ...own, destination: parsePrefix('::/0'), type: 'unicast', ifIndex }),
    type: 24,
    flags: replace,
    payload: ['0a000000 fe480001 00000000', '08000400 07000000'],
  },
  {
    name: 'ip route delete blackhole 198.51.100.0/25 proto 72 table 7200',
    call: (socket) =>
      delRoute(socket, {
        protocol: 72,
        table: 7200,
        destination: parsePrefix('198.51.100.0/25'),
        type: 'blackhole',
      }),
    type: 25,
    flags: change,
    payload: ['02190000 fc480006 00000000', '08000100 c6336400', '08000f00 201c0000'],
  },
  {
    name: 'ip route show table 7200 proto 72 dev 7',
    call: (socket) => listRoutes(socket, { family: 4, table: 7200, protocol: 72, ifIndex }),
    type: 26,
    flags: dump,
    payload: ['02000000 00480000 00000000', '08000f00 201c0000', '08000400 07000000'],
  },
  {
    name: 'ip route get 198.51.100.9',
    call: (socket) => lookUpRoute(socket, parseAddress('198.51.100.9')),
    type: 26,
    flags: question,
    payload: ['02200000 00000000 00000000', '08000100 c6336409'],
  },
  {
    name: 'ip rule add priority 100 from 192.0.2.0/24 fwmark 0x200/0xf00 table 7200 protocol 72',
    call: (socket) =>
      addRule(socket, {
        family: 4,
        priority: 100,
        action: 'lookup',
        table: 7200,
        protocol: 72,
        from: parsePrefix('192.0.2.0/24'),
        mark: { value: 0x200, mask: 0xf00 },
      }),
    type: 32,
    flags: add,
    payload: [
      '02001800 fc000001 00000000',
      '08000600 64000000',
      '08000f00 201c0000',
      '05001500 48 000000',
      '08000200 c0000200',
      '08000a00 00020000',
      '08001000 000f0000',
    ],
  },
  {
    name: 'ip -6 rule delete priority 102 to 2001:db8::/32 iif lo oif veth0 unreachable',
    call: (socket) =>
      delRule(socket, {
        family: 6,
        priority: 102,
        action: 'unreachable',
        to: parsePrefix('2001:db8::/32'),
        inputInterface: 'lo',
        outputInterface: 'veth0',
      }),
    type: 33,
    flags: change,
    payload: [
      '0a200000 00000007 00000000',
      '08000600 66000000',
      '14000100 20010db8000000000000000000000000',
      '07000300 6c6f00 00',
      '0a001100 766574683000 0000',
    ],
  },
  {
    name: 'ip -6 rule show',
    call: (socket) => listRules(socket, { family: 6 }),
    type: 34,
    flags: dump,
    payload: ['0a000000 00000000 00000000'],
  },
]);

// Each verb's bytes, checked once against what iproute2 6.1 sends for the same thing (strace), apart from the order of
// attributes, zero bytes at the end of names and the NLA_F_NESTED bit, which the kernel does not mind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acknowledgement, done, FakeTransport } from '../../../test/support/fake-netlink.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import { parsePort } from '../../net/port.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { addAddress, delAddress, listAddresses, replaceAddress } from './address.ts';
import { listBlockFilters, replaceBlockFilter } from './block-filter.ts';
import { addBridge } from './bridge.ts';
import { delLink, linkByName, listLinks, setLink } from './link.ts';
import { listLinkFilters } from './link-filter.ts';
import { splitMessages } from './message.ts';
import { delNeighbour, listNeighbours, replaceNeighbour } from './neighbour.ts';
import { addClsact, delClsact, listClsact } from './qdisc.ts';
import { addRoute, delRoute, listRoutes, lookUpRoute, replaceRoute } from './route.ts';
import { addRule, delRule, listRules } from './rule.ts';
import { NetlinkSocket } from './socket.ts';
import { addTbf, delTbf, replaceTbf } from './tbf.ts';
import { addVeth } from './veth.ts';
import { addVxlan } from './vxlan.ts';

const ifIndex = 7 as IfIndex;
const mac = parseMac('02:00:5e:10:00:01');
const bucket = {
  ifIndex,
  bytesPerSecond: 1_250_000,
  burstBytes: 100_000,
  queueBytes: 200_000,
} as const;
const own = { protocol: 72, table: 254 } as const;

// The flags beside REQUEST: what the request is.
const change = 0x5;
const add = 0x605;
const replace = 0x505;
const question = 0x1;
const dump = 0x301;

interface Case {
  readonly name: string;
  readonly call: (socket: NetlinkSocket) => void;
  readonly type: number;
  readonly flags: number;
  /** The family's header, then a line for each attribute. */
  readonly payload: readonly string[];
}

const cases: readonly Case[] = [
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
  {
    name: 'ip link set dev X group 9 down',
    call: (socket) => setLink(socket, { ifIndex, up: false, group: 9 }),
    type: 16,
    flags: change,
    payload: ['00000000 07000000 00000000 01000000', '08001b00 09000000'],
  },
  {
    name: 'tc qdisc add dev X ingress_block 7 egress_block 8 clsact',
    call: (socket) => addClsact(socket, ifIndex, { ingress: 7, egress: 8 }),
    type: 36,
    flags: add,
    payload: [
      '00000000 07000000 0000ffff f1ffffff 00000000',
      '0b000100 636c7361637400 00',
      '08000d00 07000000',
      '08000e00 08000000',
    ],
  },
  {
    name: 'tc qdisc delete dev X clsact',
    call: (socket) => delClsact(socket, ifIndex),
    type: 37,
    flags: change,
    payload: ['00000000 07000000 0000ffff f1ffffff 00000000'],
  },
  {
    name: 'tc qdisc show',
    call: listClsact,
    type: 38,
    flags: dump,
    payload: ['00000000 00000000 00000000 00000000 00000000'],
  },
  {
    name: 'tc qdisc add dev X root tbf rate 1250000bps burst 100000 limit 200000',
    call: (socket) => addTbf(socket, bucket),
    type: 36,
    flags: add,
    payload: [
      '00000000 07000000 00000000 ffffffff 00000000',
      '08000100 74626600',
      '34000280',
      '28000100 00010000 00000000 d0121300 00000000 00000000 00000000 400d0300 00000000 00000000',
      '08000600 a0860100',
    ],
  },
  {
    name: 'tc qdisc replace dev X root tbf rate 80gbit burst 100000 limit 200000',
    call: (socket) => replaceTbf(socket, { ...bucket, bytesPerSecond: 1e10 }),
    type: 36,
    flags: replace,
    payload: [
      '00000000 07000000 00000000 ffffffff 00000000',
      '08000100 74626600',
      '40000280',
      '28000100 00010000 00000000 ffffffff 00000000 00000000 00000000 400d0300 00000000 00000000',
      '08000600 a0860100',
      '0c000400 00e40b5402000000',
    ],
  },
  {
    name: 'tc qdisc delete dev X root',
    call: (socket) => delTbf(socket, ifIndex),
    type: 37,
    flags: change,
    payload: ['00000000 07000000 00000000 ffffffff 00000000'],
  },
  {
    name: 'tc filter replace block 7 prio 1 handle 2 bpf direct-action fd 9',
    call: (socket) =>
      replaceBlockFilter(socket, { block: 7, priority: 1, handle: 2 }, { fd: 9, name: 'from_pod' }),
    type: 44,
    flags: 0x405,
    payload: [
      '00000000 ffffffff 02000000 07000000 00030100',
      '08000100 62706600',
      '24000280',
      '08000600 09000000',
      '0d000700 66726f6d5f706f6400 000000',
      '08000800 01000000',
    ],
  },
  {
    name: 'tc filter show block 7',
    call: (socket) => listBlockFilters(socket, 7),
    type: 46,
    flags: dump,
    payload: ['00000000 ffffffff 00000000 07000000 00000000'],
  },
  {
    name: 'tc filter show dev X egress',
    call: (socket) => listLinkFilters(socket, ifIndex, 'egress'),
    type: 46,
    flags: dump,
    payload: ['00000000 07000000 00000000 f3ffffff 00000000'],
  },
];

for (const { name, call, type, flags, payload } of cases) {
  test(`${name} is these bytes`, () => {
    const noSuchDevice = 19;
    const transport = new FakeTransport((requests) =>
      requests.map((request) =>
        flags === dump
          ? done(request.sequence)
          : acknowledgement(request, flags === question ? noSuchDevice : 0),
      ),
    );
    // A question's refusal is beside the point here.
    const isRefusal = (error: unknown): boolean => flags === question && error instanceof Error;
    try {
      call(NetlinkSocket.over(transport));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    const [sent, ...others] = splitMessages(Buffer.concat(transport.sent));
    assert.deepEqual(others, []);
    assert.deepEqual([sent?.type, sent?.flags], [type, flags]);
    assert.equal(sent?.payload.toString('hex'), payload.join('').replaceAll(' ', ''));
  });
}

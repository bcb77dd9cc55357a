import { type FactRow, testFacts } from '../../../../test/support/fact-rows.ts';
import {
  eth0,
  ipv6,
  kernel,
  link,
  links,
  podName,
  route,
} from '../../../../test/support/sound-node.ts';
import { parseAddress } from '../../../net/address.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { parseMac } from '../../../net/mac.ts';

const overlay = { name: 'heddle_vxlan', port: 4789, vni: 1, mtuBytes: 1450, underlay: 4 } as const;
const vxlan = { collectMetadata: false, port: 4789, id: 77 };
const vrf = [...links, link(9, 'red', { kind: 'vrf' })];
const mac = parseMac('02:00:5e:10:00:02');
const address = parseAddress('192.0.2.12');
const entry = { ifIndex: eth0, address, mac, state: 'permanent' } as const;

testFacts([
  [
    'ip_forward off',
    'forwarding',
    { settings: { 'net/ipv4/ip_forward': '0' } },
    /^problem: net\.ipv4\.ip_forward is 0/,
  ],
  [
    'IPv6 forwarding off',
    'forwarding',
    { settings: { 'net/ipv6/conf/all/forwarding': '0' } },
    /^problem: net\.ipv6\.conf\.all/,
  ],
  [
    'forwarding off at an uplink and a pod',
    'forwarding',
    {
      host: {
        links: links.map((each) => ({
          ...each,
          ipv4: { forwarding: 0, rpFilter: 0, routeLocalnet: 0 },
        })),
      },
    },
    /^problem: .* for eth0, hd00000000001: /,
  ],
  [
    'forwarding off at a VPN with a route',
    'forwarding',
    {
      host: {
        links: [
          ...links,
          link(8, 'wg0', { ipv4: { forwarding: 0, rpFilter: 0, routeLocalnet: 0 } }),
        ],
        routes: [...kernel.host.routes, route('203.0.113.0/24', { ifIndex: 8 as IfIndex })],
      },
    },
    /^note: .* for wg0: /,
  ],
  [
    'forwarding off at an interface without a route',
    'forwarding',
    {
      host: {
        links: [
          ...links,
          link(8, 'spare', { ipv4: { forwarding: 0, rpFilter: 0, routeLocalnet: 0 } }),
        ],
      },
    },
    undefined,
  ],
  [
    'IPv6 off at a pod',
    'ipv6-enabled',
    {
      host: {
        links: links.map((each) => ({
          ...each,
          ipv6: { ...ipv6, disabled: each.name === podName },
        })),
      },
    },
    /^problem: .* for hd00000000001/,
  ],
  [
    'IPv6 off at an uplink',
    'ipv6-enabled',
    {
      host: {
        links: links.map((each) => ({
          ...each,
          ipv6: { ...ipv6, disabled: each.name === 'eth0' },
        })),
      },
    },
    /^note: .* for eth0/,
  ],
  [
    'an uplink that heard a router and forwards',
    'router-advertisements',
    {
      host: {
        links: links.map((each) => ({
          ...each,
          ipv6: { ...ipv6, acceptRa: 1, heardRouter: true },
        })),
      },
    },
    /^problem: .* for eth0, but/,
  ],
  [
    'an uplink without carrier',
    'links',
    { host: { links: links.map((each) => ({ ...each, running: each.name !== 'eth0' })) } },
    /^problem: uplink eth0 has no carrier/,
  ],
  [
    'a pod interface that is down',
    'links',
    { host: { links: links.map((each) => ({ ...each, up: each.name !== podName })) } },
    /^problem: interfaces of pods are down: hd00000000001 of shop\/web-1/,
  ],
  [
    'a pod interface with another MAC',
    'links',
    {
      host: {
        links: links.map((each) => ({ ...each, mac: parseMac('02:00:5e:10:00:01') })),
      },
    },
    /^problem: interface hd00000000001 of a pod has MAC address 02:00:5e:10:00:01: .*; ip link set dev/,
  ],
  [
    'an uplink in a VRF',
    'links',
    {
      host: {
        links: vrf.map((each) => (each.name === 'eth0' ? { ...each, master: 9 as IfIndex } : each)),
      },
    },
    /^problem: uplink eth0 belongs to vrf red/,
  ],
  [
    'the VXLAN device as a port of a bridge',
    'links',
    {
      desired: { overlay },
      host: {
        links: [
          ...links,
          link(9, 'br0', { kind: 'bridge' }),
          link(10, overlay.name, { kind: 'vxlan', master: 9 as IfIndex }),
        ],
      },
    },
    /problem: device heddle_vxlan belongs to bridge br0: its packets do not use the routes/,
  ],
  [
    'a strict filter at two uplinks',
    'reverse-path',
    {
      settings: { 'net/ipv4/conf/all/rp_filter': '1' },
      host: { links: [...links, link(3, 'eth1')] },
      desired: {
        uplinks: [2, 3].map((ifIndex) => ({
          ifIndex: ifIndex as IfIndex,
          name: `eth${ifIndex - 2}`,
          mtuBytes: 1500,
          addresses: [],
        })),
      },
    },
    /^note: .* for eth0, eth1/,
  ],
  [
    'a strict filter at one uplink',
    'reverse-path',
    { settings: { 'net/ipv4/conf/all/rp_filter': '1' } },
    undefined,
  ],
  [
    'a VXLAN device in the way',
    'tunnel-port',
    {
      desired: { overlay },
      host: { links: [...links, link(5, 'flannel.77', { kind: 'vxlan', vxlan })] },
    },
    /^problem: UDP port 4789 .* flannel\.77 \(VNI 77\)/,
  ],
  [
    'our VXLAN device under another name',
    'tunnel-port',
    {
      desired: { overlay },
      host: {
        links: [
          ...links,
          link(5, 'vx7', {
            kind: 'vxlan',
            mac: parseMac('02:68:65:64:64:6c'),
            vxlan: { ...vxlan, collectMetadata: true },
          }),
        ],
      },
    },
    /^problem: UDP port 4789 .* own VXLAN device under another name: `ip link delete vx7`$/,
  ],
  [
    'a VXLAN device with another port',
    'tunnel-port',
    {
      desired: { overlay },
      host: { links: [...links, link(5, 'flannel.77', { vxlan: { ...vxlan, port: 8472 } })] },
    },
    undefined,
  ],
  [
    'interfaces of others',
    'other-networks',
    {
      host: {
        links: [...links, link(5, 'cali0123456789a'), link(6, 'cni-podman0'), link(10, 'docker0')],
      },
    },
    /^note: interfaces of Calico exist \(cali0123456789a\)/,
  ],
  ['policies of IPsec, native', 'ipsec', { host: { hasIpsec: true } }, /^note: IPsec policies/],
  [
    'policies of IPsec, vxlan',
    'ipsec',
    { host: { hasIpsec: true }, desired: { mode: 'vxlan' } },
    undefined,
  ],
  [
    'a pod of before with a larger MTU',
    'mtu',
    { desired: { pathMtuBytes: 1450 } },
    /^note: .* 1450 bytes .*: shop\/web-1/,
  ],
  ...(
    [
      ['an uplink without ARP', {}, [], /^problem: uplink eth0 does not ask for MAC addresses/],
      [
        'an uplink without ARP, where the kernel made an entry',
        {},
        [{ ...entry, state: 'noarp' }],
        /reach the next hops 192\.0\.2\.12; ip link set dev eth0 arp on$/,
      ],
      ['an uplink without ARP and a permanent entry', {}, [entry], undefined],
      ['an uplink of a kind without ARP', { kind: 'ipvlan' }, [], undefined],
      ['an uplink with ARP', { noArp: false }, [], undefined],
    ] as const
  ).map(
    ([what, fields, foreignNeighbours, expected]): FactRow => [
      what,
      'links',
      {
        host: { links: [link(1, 'lo'), link(eth0, 'eth0', { mac, noArp: true, ...fields })] },
        kernel: { foreignNeighbours },
        desired: { nextHops: [{ address: entry.address, ifIndex: eth0 }] },
      },
      expected,
    ],
  ),
]);

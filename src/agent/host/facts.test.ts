import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeDesired } from '../../../test/support/compute-desired.ts';
import { emptyClusterState } from '../../cluster/state.ts';
import type { InterfaceAddress } from '../../kernel/netlink/address.ts';
import type { ConfiguredLink } from '../../kernel/netlink/devconf.ts';
import type { RouteRecord } from '../../kernel/netlink/route-record.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import { makePrefix, parsePrefix } from '../../net/prefix.ts';
import { type HostListing, hostFacts, type UplinkChoice } from './facts.ts';

function link(ifIndex: number, name: string, fields: Partial<ConfiguredLink> = {}): ConfiguredLink {
  return {
    ifIndex: ifIndex as IfIndex,
    name,
    mtuBytes: 1500,
    up: true,
    running: true,
    loopback: name === 'lo',
    noArp: false,
    ...fields,
  };
}

function address(
  ifIndex: number,
  text: string,
  fields: Partial<InterfaceAddress> = {},
): InterfaceAddress {
  return {
    ifIndex: ifIndex as IfIndex,
    address: parseAddress(text),
    prefixLength: 24,
    scope: 'global',
    noDad: false,
    noPrefixRoute: false,
    tentative: false,
    dadFailed: false,
    ...fields,
  };
}

function defaultRoute(ifIndex: number): RouteRecord {
  const destination = parsePrefix('0.0.0.0/0');
  return { destination, type: 'unicast', protocol: 3, table: 254, ifIndex: ifIndex as IfIndex };
}

const listing: HostListing = {
  links: [
    link(4, 'eth1', { mtuBytes: 9000 }),
    link(1, 'lo'),
    link(2, 'eth0'),
    link(3, 'docker0'),
    link(9, 'heddle_vxlan'),
  ],
  addresses: [
    address(1, '192.0.2.11'),
    address(2, '203.0.113.5'),
    address(3, '198.51.100.1'),
    address(4, '192.0.2.11'),
    address(4, '192.0.2.12', { dadFailed: true }),
    address(9, '198.51.100.129'),
  ],
  routes: [defaultRoute(2)],
  hasIpsec: false,
};

const choice: UplinkChoice = {
  uplinks: 'auto',
  nodeAddresses: [parseAddress('192.0.2.11')],
  overlayDevice: 'heddle_vxlan',
};

test('auto selects interfaces with an address of the node and those of default routes, by index', () => {
  const facts = hostFacts(listing, choice);
  assert.deepEqual(facts, {
    uplinks: [
      {
        ifIndex: 2,
        name: 'eth0',
        mtuBytes: 1500,
        addresses: [{ address: '203.0.113.5', prefixLength: 24 }],
      },
      {
        ifIndex: 4,
        name: 'eth1',
        mtuBytes: 9000,
        addresses: [{ address: '192.0.2.11', prefixLength: 24 }],
      },
    ],
    addresses: [
      { address: '192.0.2.11', prefixLength: 24, ifName: 'lo', leadsNowhere: true },
      { address: '203.0.113.5', prefixLength: 24, ifName: 'eth0', leadsNowhere: false },
      { address: '198.51.100.1', prefixLength: 24, ifName: 'docker0', leadsNowhere: false },
      { address: '192.0.2.11', prefixLength: 24, ifName: 'eth1', leadsNowhere: false },
    ],
    vxlan: { ifIndex: 9 },
  });
});

test('IPv4-mapped addresses and gateways are omitted, because the data path would treat them as IPv4', () => {
  const mapped = parseAddress('::ffff:192.0.2.77');
  const route: RouteRecord = { ...defaultRoute(2), gateway: mapped };
  const unreachable: RouteRecord = {
    ...{ destination: makePrefix(mapped, 96), type: 'unreachable', protocol: 3, table: 254 },
  };
  const more: HostListing = {
    ...listing,
    addresses: [
      ...listing.addresses,
      ...[1, 2, 4].map((ifIndex) => address(ifIndex, mapped, { prefixLength: 96 })),
    ],
    routes: [...listing.routes, route, unreachable],
  };
  const facts = hostFacts(more, choice);
  assert.deepEqual(facts, hostFacts(listing, choice));
  const vxlan = { port: 4789, vni: 1 };
  const config = { nodeName: 'n', mode: 'vxlan', masquerade: true, vxlan } as const;
  const model = { config: { ...config, nonMasqueradeCidrs: [] }, cluster: emptyClusterState };
  assert.doesNotThrow(() => computeDesired({ ...model, endpoints: [], host: facts }));
});

test('a port of a bridge or a bond is not an uplink by default, even if it has addresses left; a link of a VRF is', () => {
  const master = (ifIndex: number): Pick<ConfiguredLink, 'master'> => ({
    master: ifIndex as IfIndex,
  });
  const links = [
    link(2, 'eth0', master(5)),
    link(4, 'eth1', master(6)),
    link(7, 'eth2', master(8)),
    link(5, 'br0', { kind: 'bridge' }),
    link(6, 'bond0', { kind: 'bond' }),
    link(8, 'blue', { kind: 'vrf' }),
  ];
  const addresses = [address(5, '203.0.113.5'), address(4, '192.0.2.11')];
  const routes = [2, 5, 6, 7].map(defaultRoute);
  const found = (uplinks: UplinkChoice['uplinks']): readonly string[] =>
    hostFacts({ ...listing, links, addresses, routes }, { ...choice, uplinks }).uplinks.map(
      ({ name }) => name,
    );
  assert.deepEqual(found('auto'), ['br0', 'bond0', 'eth2']);
  assert.deepEqual(found(['eth0', 'br0']), ['eth0', 'br0']);
});

test('addresses of the API server and gateways of default routes are occupied in any spelling', () => {
  const gateway = parseAddress('203.0.113.1');
  const nextHops = ['203.0.113.2', 'fe80::1'].map((text) => ({
    ...{ gateway: parseAddress(text), ifIndex: 4 as IfIndex, weight: 1 },
  }));
  const routes = [
    { ...defaultRoute(2), gateway },
    { ...defaultRoute(4), nextHops },
  ];
  const apiServers = [parseAddress('198.51.100.9'), parseAddress('198.51.100.9')];
  assert.deepEqual(hostFacts({ ...listing, routes }, { ...choice, apiServers }).occupied, [
    { kind: 'api server', prefix: '198.51.100.9/32' },
    { kind: 'gateway', prefix: '203.0.113.1/32', ifName: 'eth0' },
    { kind: 'gateway', prefix: '203.0.113.2/32', ifName: 'eth1' },
  ]);
});

test('addresses of interfaces without routes are listed separately; link-local ones are omitted', () => {
  const links = [
    link(1, 'lo', { loopback: true }),
    link(2, 'eth0'),
    link(5, 'd0', { kind: 'dummy' }),
  ];
  const addresses = [
    address(1, '192.0.2.1'),
    address(2, '169.254.7.7'),
    address(2, 'fe80::1'),
    address(5, '192.0.2.5'),
  ];
  const facts = hostFacts({ ...listing, links, addresses }, choice);
  assert.deepEqual(
    facts.addresses?.map(({ ifName, leadsNowhere, ...each }) => [
      each.address,
      ifName,
      leadsNowhere,
    ]),
    [
      ['192.0.2.1', 'lo', true],
      ['192.0.2.5', 'd0', true],
    ],
  );
});

test('an uplink has its MAC and the smallest MTU of its routes; such a route does not make an uplink', () => {
  const mac = parseMac('02:00:5e:10:00:01');
  const route = (ifIndex: number, mtuBytes: number): RouteRecord => ({
    ...defaultRoute(ifIndex),
    destination: parsePrefix('198.51.100.0/24'),
    mtuBytes,
  });
  const facts = hostFacts(
    {
      ...listing,
      links: [link(2, 'eth0', { mac }), link(3, 'docker0')],
      routes: [defaultRoute(2), route(2, 1400), route(2, 1300), route(3, 1200)],
    },
    choice,
  );
  assert.deepEqual(
    facts.uplinks.map((uplink) => ({ ...uplink, addresses: [] })),
    [{ ifIndex: 2, name: 'eth0', mtuBytes: 1500, mac, routeMtuBytes: 1300, addresses: [] }],
  );
});

test('a VXLAN device that is down is recognized', () => {
  const links = [link(9, 'heddle_vxlan', { up: false })];
  assert.deepEqual(hostFacts({ ...listing, links }, choice).vxlan, { ifIndex: 9, isDown: true });
});

test('an uplink has the routers of all its routes, each once', () => {
  const via = (
    ifIndex: number,
    gateway: string,
    fields: Partial<RouteRecord> = {},
  ): RouteRecord => ({
    ...{ ...defaultRoute(ifIndex), gateway: parseAddress(gateway) },
    ...fields,
  });
  const hop = (ifIndex: number, gateway: string): NonNullable<RouteRecord['nextHops']>[number] => ({
    ...{ ifIndex: ifIndex as IfIndex, gateway: parseAddress(gateway), weight: 1 },
  });
  const destination = parsePrefix('198.51.100.0/24');
  const routes = [
    via(2, '203.0.113.1'),
    via(2, '203.0.113.1', { destination }),
    via(2, 'fe80::1', { destination }),
    via(3, '198.51.100.7', { destination }),
    {
      ...defaultRoute(2),
      ifIndex: undefined,
      nextHops: [hop(2, '203.0.113.3'), hop(4, '192.0.2.1')],
    },
    { ...defaultRoute(4), destination },
    via(4, '192.0.2.9', { type: 'unreachable' }),
  ];
  const facts = hostFacts({ ...listing, routes }, choice);
  assert.deepEqual(
    facts.uplinks.map(({ name, gateways }) => [name, gateways]),
    [
      ['eth0', ['203.0.113.1', '203.0.113.3', 'fe80::1']],
      ['eth1', ['192.0.2.1']],
    ],
  );
});

const asks = { forwarding: 0, acceptRa: 1, disabled: false, heardRouter: false };

test('other interfaces accept router advertisements if they are hardware, received one, or were configured to', () => {
  const byRouter: RouteRecord = { ...defaultRoute(15), protocol: 9 };
  const ipv6 = asks;
  const facts = hostFacts(
    {
      ...listing,
      links: [
        link(1, 'lo', { ipv6 }),
        link(2, 'eth0', { ipv6 }),
        link(10, 'eth2', { ipv6 }),
        link(11, 'eth2.7', { ipv6, kind: 'vlan' }),
        link(12, 'br0', { ipv6, kind: 'bridge' }),
        link(13, 'br1', { ipv6: { ...ipv6, heardRouter: true }, kind: 'bridge' }),
        link(14, 'veth0', { ipv6: { ...ipv6, acceptRa: 2 }, kind: 'veth' }),
        link(15, 'veth1', { ipv6, kind: 'veth' }),
        link(16, 'eth3', { ipv6: { ...ipv6, acceptRa: 0 } }),
        link(17, 'eth4', { ipv6: { ...ipv6, disabled: true } }),
        link(18, 'eth5', { ipv6, master: 12 as IfIndex }),
        link(19, 'eth6'),
        link(20, 'hd0123456789a', { ipv6: { ...ipv6, heardRouter: true }, kind: 'veth' }),
        link(21, 'heddle_vxlan', { ipv6: { ...ipv6, acceptRa: 2 }, kind: 'vxlan' }),
      ],
      routes: [defaultRoute(2), { ...byRouter, destination: parsePrefix('2001:db8:7::/48') }],
    },
    choice,
  );
  assert.deepEqual(facts.routerAdvertised, ['eth2', 'eth2.7', 'br1', 'veth0', 'veth1']);
});

test('configured names take precedence; interfaces that do not exist yet are omitted', () => {
  const facts = hostFacts(listing, { ...choice, uplinks: ['docker0', 'eth7'] });
  assert.deepEqual(
    facts.uplinks.map(({ name }) => name),
    ['docker0'],
  );
});

test('a default route over several interfaces makes each of them an uplink', () => {
  const hops = [2, 3].map((ifIndex) => ({ ifIndex: ifIndex as IfIndex, weight: 1 }));
  const { ifIndex: _, ...multipath } = { ...defaultRoute(2), nextHops: hops };
  const facts = hostFacts({ ...listing, routes: [multipath] }, { ...choice, nodeAddresses: [] });
  assert.deepEqual(
    facts.uplinks.map(({ name }) => name),
    ['eth0', 'docker0'],
  );
});

test('equal facts stay the same object, so results derived from them are not computed again', () => {
  const before = hostFacts(listing, choice);
  assert.equal(hostFacts({ ...listing }, choice, before), before);
  const { routes } = listing;
  assert.notEqual(
    hostFacts({ ...listing, routes: [...routes, defaultRoute(3)] }, choice, before),
    before,
  );
});

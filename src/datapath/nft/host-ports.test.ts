import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nftEntriesFor } from '../../../test/support/nft-states.ts';
import { type TracedHook, trace } from '../../../test/support/rule-tracer.ts';
import {
  documentationNode as node,
  type TracedPacket,
} from '../../../test/support/traced-packet.ts';

const open = { entries: nftEntriesFor({ mapped: [5], masquerade: true }), node };
const withServices = { entries: nftEntriesFor({ mapped: [5], hasServices: true }), node };
const onlyIpv6 = { entries: nftEntriesFor({ mapped: [5], families: [6] }), node };

const client = {
  source: '203.0.113.9',
  protocol: 'tcp',
  iif: 'up0',
  destinationPort: 8005,
} as const;
const client6 = { ...client, source: '2001:db8:9::9' } as const;
const local = { source: '198.51.100.1', protocol: 'tcp', destinationPort: 8005 } as const;

interface Case {
  readonly what: string;
  readonly table?: typeof open;
  readonly at?: TracedHook;
  readonly packet: TracedPacket;
  readonly nat?: string;
  readonly rules?: readonly string[];
  readonly verdict?: 'drop';
}

const pod4 = 'dnat 192.0.2.5:80';
const pod6 = 'dnat [2001:db8:1::5]:80';

const cases: readonly Case[] = [
  {
    what: 'a client comes to the pod',
    packet: { ...client, destination: '198.51.100.1' },
    ...{ nat: pod4, rules: ['host_ports_in 2'] },
  },
  {
    what: 'a client comes to the pod, IPv6',
    packet: { ...client6, destination: '2001:db8:ffff::1' },
    ...{ nat: pod6, rules: ['host_ports_in 4'] },
  },
  {
    what: 'a client comes to the pod of IPv6 alone',
    table: onlyIpv6,
    packet: { ...client6, destination: '2001:db8:ffff::1', protocol: 'udp', destinationPort: 5305 },
    ...{ nat: 'dnat [2001:db8:1::5]:53', rules: ['host_ports_in 1'] },
  },
  {
    what: 'a mapping with an address is for that address',
    packet: { ...client, destination: '203.0.113.50', protocol: 'udp', destinationPort: 5305 },
    ...{ nat: 'dnat 192.0.2.5:53', rules: ['host_ports_in 1'] },
  },
  {
    what: 'and for no other',
    packet: { ...client, destination: '198.51.100.1', protocol: 'udp', destinationPort: 5305 },
  },
  {
    what: 'another protocol',
    packet: { ...client, destination: '198.51.100.1', protocol: 'sctp' },
  },
  { what: 'another port', packet: { ...client, destination: '198.51.100.1', destinationPort: 80 } },
  { what: 'no address of the node', packet: { ...client, destination: '203.0.113.10' } },
  {
    what: 'a later packet',
    packet: { ...client, destination: '198.51.100.1', state: 'established' },
  },
  { what: 'loopback from outside', packet: { ...client, destination: '127.0.0.1' } },
  {
    what: 'as loopback from outside',
    packet: { ...client, source: '127.0.0.1', destination: '198.51.100.1' },
  },
  {
    what: 'as loopback from outside, IPv6',
    packet: { ...client, source: '::1', destination: '2001:db8:ffff::1' },
  },
  {
    what: "a pod to the node's loopback",
    packet: { ...client, source: '192.0.2.6', iif: 'hd00000000006', destination: '127.0.0.1' },
    ...{ verdict: 'drop', rules: ['host_ports_guard 1'] },
  },
  {
    what: 'where Services are, an address of the node',
    table: withServices,
    packet: { ...client, destination: '198.51.100.1' },
    ...{ nat: pod4, rules: ['host_ports_in 2'] },
  },
  {
    what: 'where Services are, an address of theirs',
    table: withServices,
    packet: { ...client, destination: '203.0.113.50' },
  },
  {
    what: 'where Services are, an address of theirs that a mapping names',
    table: withServices,
    packet: { ...client, destination: '203.0.113.50', protocol: 'udp', destinationPort: 5305 },
  },
  {
    what: 'the node to itself',
    at: 'output',
    packet: { ...local, destination: '198.51.100.1' },
    ...{ nat: pod4, rules: ['host_ports_local 2'] },
  },
  {
    what: 'the node to 127.0.0.1',
    at: 'output',
    packet: { ...local, source: '127.0.0.1', destination: '127.0.0.1' },
    ...{ nat: pod4, rules: ['host_ports_local 2'] },
  },
  {
    what: 'the node to itself, IPv6',
    at: 'output',
    packet: { ...local, source: '2001:db8:ffff::1', destination: '2001:db8:ffff::1' },
    ...{ nat: pod6, rules: ['host_ports_local 4'] },
  },
  {
    what: 'the node to ::1',
    at: 'output',
    packet: { ...local, source: '::1', destination: '::1' },
  },
  {
    what: 'the node to another host',
    at: 'output',
    packet: { ...local, destination: '203.0.113.9' },
  },
  {
    what: 'the pod comes back to itself',
    at: 'postrouting',
    packet: { ...client, source: '192.0.2.5', destination: '192.0.2.5', iif: 'hd5', oif: 'hd5' },
    ...{ nat: 'masquerade', rules: ['host_ports_back 1'] },
  },
  {
    what: 'the pod comes back to itself, IPv6',
    at: 'postrouting',
    packet: {
      ...client,
      source: '2001:db8:1::5',
      destination: '2001:db8:1::5',
      iif: 'hd5',
      oif: 'hd5',
    },
    ...{ nat: 'masquerade', rules: ['host_ports_back 3'] },
  },
  {
    what: 'a host outside with the address of the pod',
    at: 'postrouting',
    packet: { ...client, source: '192.0.2.5', destination: '192.0.2.5', oif: 'hd5' },
  },
  {
    what: 'another pod',
    at: 'postrouting',
    packet: { ...client, source: '192.0.2.6', destination: '192.0.2.5', iif: 'hd6', oif: 'hd5' },
  },
  {
    what: 'the node from 127.0.0.1, translated',
    at: 'postrouting',
    packet: { ...local, source: '127.0.0.1', destination: '192.0.2.5', oif: 'hd5', isDnat: true },
    ...{ nat: 'masquerade', rules: ['host_ports_back 2'] },
  },
  {
    what: 'the node from 127.0.0.1, as it is',
    at: 'postrouting',
    packet: { ...local, source: '127.0.0.1', destination: '192.0.2.5', oif: 'hd5' },
  },
];

for (const { what, table = open, at = 'prerouting', packet, nat, rules = [], verdict } of cases) {
  test(`host ports: ${what}`, () => {
    const traced = trace(table, at, packet);
    assert.deepEqual([traced.nat, traced.rules, traced.verdict], [nat, rules, verdict ?? 'accept']);
    assert.deepEqual(traced.counters, verdict === 'drop' ? ['loopback'] : []);
    const [, address = packet.destination] = /^dnat \[?([^\]]*?)\]?:\d+$/.exec(nat ?? '') ?? [];
    assert.equal(traced.packet.destination, address);
  });
}

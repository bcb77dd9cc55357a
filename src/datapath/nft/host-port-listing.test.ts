import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import { parsePort } from '../../net/port.ts';
import { listedHostPorts } from './host-port-listing.ts';

const addresses = [parseAddress('192.0.2.2'), parseAddress('2001:db8::2')];
const element = (key: readonly (string | number)[], pod: string, port: number): unknown => [
  { concat: key },
  { concat: [pod, port] },
];
// As `nft -j -p list table` has them, among what else is in the table.
const listing = [
  { table: { family: 'inet', name: 'heddle' } },
  { chain: { name: 'host_ports_in' } },
  { set: { name: 'hairpin4', elem: [{ concat: ['192.0.2.2', '192.0.2.2'] }] } },
  {
    map: {
      name: 'host_ports4',
      elem: [
        element([6, 8080], '192.0.2.2', 80),
        element([17, 53], '192.0.2.2', 5353),
        element([6, 9090], '192.0.2.3', 80),
      ],
    },
  },
  {
    map: { name: 'host_ports_at4', elem: [element(['198.51.100.1', 132, 99], '192.0.2.2', 9)] },
  },
  {
    map: {
      name: 'host_ports6',
      elem: [element([6, 8080], '2001:db8::2', 80), element([6, 443], '2001:db8::2', 8443)],
    },
  },
  { map: { name: 'host_ports_at6' } },
  { map: { name: 'other', elem: ['something else'] } },
];

const port = parsePort;

test("a pod's host ports are read back from the maps, and no others", () => {
  assert.deepEqual(listedHostPorts(listing, addresses), [
    { protocol: 'tcp', hostPort: port(8080), containerPort: port(80) },
    { protocol: 'udp', hostPort: port(53), containerPort: port(5353), hostAddress: '0.0.0.0' },
    { protocol: 'tcp', hostPort: port(443), containerPort: port(8443), hostAddress: '::' },
    { protocol: 'sctp', hostPort: port(99), containerPort: port(9), hostAddress: '198.51.100.1' },
  ]);
  assert.deepEqual(listedHostPorts(listing, [parseAddress('192.0.2.9')]), []);
  assert.deepEqual(listedHostPorts([], addresses), []);
});

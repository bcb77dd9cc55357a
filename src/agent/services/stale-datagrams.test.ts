import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointOf, serviceOf, sliceOf } from '../../../test/support/service-objects.ts';
import type { ClusterEndpointSlice, ClusterService, SliceEndpoint } from '../../cluster/objects.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import { serviceMarks } from '../../model/ids.ts';
import { ServicesModel } from '../../model/services/services.ts';
import { type Address, addressFamily, parseAddress } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { type StaleDatagrams, staleDatagrams } from './stale-datagrams.ts';

const port = (number: number): Port => number as Port;
const node = parseAddress('198.51.100.1');

/** A DNS Service with a cluster address and a node port, and the given endpoints. */
function judge(endpoints: readonly SliceEndpoint[]) {
  const dns = serviceOf('dns', {
    type: 'NodePort',
    ports: [
      { protocol: 'UDP', port: port(53), targetPort: port(5353), nodePort: port(30053) },
      { protocol: 'TCP', port: port(53), targetPort: port(5353) },
    ],
  });
  const slice = sliceOf('dns-1', endpoints, {
    ports: [
      { protocol: 'UDP', port: port(5353) },
      { protocol: 'TCP', port: port(5353) },
    ],
  });
  const model = new ServicesModel('n1');
  const tables = model.follow({
    nodes: new Map(),
    services: new Map<string, ClusterService>([['shop/dns', dns]]),
    endpointSlices: new Map<string, ClusterEndpointSlice>([['shop/dns-1', slice]]),
  });
  return staleDatagrams(tables, { nodePortAddresses: [node], taken: () => undefined });
}

interface Connection {
  readonly to: string;
  readonly toPort?: number;
  /** Absent: not translated. */
  readonly by?: string;
  readonly fields?: Partial<ConntrackEntry>;
}

function entry({ to, toPort = 53, by = to, fields = {} }: Connection): ConntrackEntry {
  const source = parseAddress('192.0.2.9');
  const destination = parseAddress(to);
  const isTranslated = by !== to;
  return {
    ...{ family: addressFamily(destination), protocol: 17, mark: 0, id: 1 },
    original: { source, destination, sourcePort: port(40000), destinationPort: port(toPort) },
    reply: {
      ...{ source: parseAddress(by), destination: source as Address },
      sourcePort: port(isTranslated ? 5353 : toPort),
      destinationPort: port(40000),
    },
    status: {
      ...{ seenReply: true, assured: true, sourceNat: false, dying: false },
      destinationNat: isTranslated,
    },
    ...fields,
  };
}

const mark = serviceMarks.tag + 7;
const down = { ready: false, serving: false, terminating: true };
const ending = { ready: false, serving: true, terminating: true };
const cases: readonly (readonly [string, Connection, StaleDatagrams | undefined])[] = [
  ['a backend that is ready', { to: '10.96.0.1', by: '192.0.2.2' }, undefined],
  ['a backend that shuts down and still serves', { to: '10.96.0.1', by: '192.0.2.3' }, undefined],
  ['a backend that no longer serves', { to: '10.96.0.1', by: '192.0.2.4' }, 'backend gone'],
  ['a backend that is in no slice', { to: '10.96.0.1', by: '192.0.2.8' }, 'backend gone'],
  ['no backend, from before there was one', { to: '10.96.0.1' }, 'not translated'],
  ['the node port and a ready backend', { to: node, toPort: 30053, by: '192.0.2.2' }, undefined],
  ['the node port and none', { to: node, toPort: 30053, by: '192.0.2.8' }, 'backend gone'],
  ['another port of the cluster address', { to: '10.96.0.1', toPort: 54 }, undefined],
  [
    'a Service that is gone',
    { to: '10.96.0.9', by: '192.0.2.2', fields: { mark } },
    'Service gone',
  ],
  [
    'a translation of somebody else',
    { to: '203.0.113.9', by: '192.0.2.8', fields: { mark: 0x4000 } },
    undefined,
  ],
  [
    'the same by TCP, which ends by itself',
    { to: '10.96.0.1', by: '192.0.2.8', fields: { protocol: 6 } },
    undefined,
  ],
  [
    'an entry of another zone',
    { to: '10.96.0.1', by: '192.0.2.8', fields: { zone: 3 } },
    undefined,
  ],
];

for (const [what, connection, wanted] of cases) {
  test(`datagrams that lead to ${what}: ${wanted ?? 'right'}`, () => {
    const endpoints = [
      endpointOf('192.0.2.2'),
      endpointOf('192.0.2.3', ending),
      endpointOf('192.0.2.4', down),
    ];
    assert.equal(judge(endpoints)(entry(connection)), wanted);
  });
}

test('without any endpoint no flow is right', () => {
  assert.equal(judge([])(entry({ to: '10.96.0.1', by: '192.0.2.2' })), 'backend gone');
});

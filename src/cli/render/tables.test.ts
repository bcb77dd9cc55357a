import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointView } from '../../api/endpoints.ts';
import { renderEndpoints } from './endpoints.ts';
import { renderMapDump, renderMapList } from './maps.ts';
import { renderNodes } from './nodes.ts';
import { plain } from './style.ts';

const endpoint: EndpointView = {
  id: 1,
  containerId: '0123456789abcdef0123',
  ifName: 'eth0',
  pod: { namespace: 'shop', name: 'web-1' },
  addresses: ['198.51.100.2', '2001:db8:1::2'],
  mac: '02:00:00:00:00:01',
  hostIfName: 'hd0123456789a',
  hostIfIndex: 7,
  mtuBytes: 1500,
  createdAt: '2026-03-01T12:00:00Z',
};

test('endpoints show the pod first, then its addresses, then its traffic', () => {
  const counted: EndpointView = {
    ...endpoint,
    queueDroppedPackets: 4,
    traffic: {
      ingress: { packets: 1200, bytes: 1_234_567, droppedPackets: 2 },
      egress: { packets: 900, bytes: 99_000, droppedPackets: 1 },
    },
  };
  const { pod: _, ...unnamed } = endpoint;
  const fresh = { ...unnamed, id: 12, addresses: ['198.51.100.3'] };
  assert.equal(
    renderEndpoints([counted, fresh], plain),
    `\
POD                     ADDRESSES                   INTERFACE      ID   MTU          RECEIVED            SENT  DROPPED
shop/web-1              198.51.100.2 2001:db8:1::2  hd0123456789a   1  1500  1.23 MB in 1,200  99.0 kB in 900        7
container 0123456789ab  198.51.100.3                hd0123456789a  12  1500                 -               -        -`,
  );
});

test('limits are shown for pods that have them', () => {
  const limited = (bandwidth: EndpointView['bandwidth'], id: number): EndpointView => ({
    ...endpoint,
    id,
    addresses: ['198.51.100.2'],
    bandwidth,
  });
  const both = { ingress: { bitsPerSecond: 10_000_000 }, egress: { bitsPerSecond: 1.5e9 } };
  const sending = { egress: { bitsPerSecond: 64_000, burstBits: 8_000 } };
  const lost: EndpointView = {
    ...limited({ ingress: both.ingress }, 4),
    missingLimits: ['egress'],
  };
  assert.equal(
    renderEndpoints([limited(both, 1), limited(sending, 2), limited(undefined, 3), lost], plain),
    `\
POD         ADDRESSES     INTERFACE      ID   MTU  RECEIVED  SENT  DROPPED  LIMIT
shop/web-1  198.51.100.2  hd0123456789a   1  1500         -     -        -  10 Mbit/s in, 1.5 Gbit/s out
shop/web-1  198.51.100.2  hd0123456789a   2  1500         -     -        -  64 kbit/s out
shop/web-1  198.51.100.2  hd0123456789a   3  1500         -     -        -  -
shop/web-1  198.51.100.2  hd0123456789a   4  1500         -     -        -  10 Mbit/s in, out: MISSING`,
  );
});

test('no endpoints are one sentence', () => {
  assert.equal(renderEndpoints([], plain), 'no pods on this node');
});

test('nodes show their addresses and mark this one', () => {
  const nodes = [
    {
      name: 'node-1',
      self: true,
      addresses: ['192.0.2.11', '2001:db8::11'],
      podCidrs: ['198.51.100.0/24'],
      pods: 3,
    },
    {
      ...{ name: 'node-10', self: false, podCidrs: [], pods: 0 },
      ...{ addresses: ['192.0.2.12', '8.8.8.8'], unverified: ['8.8.8.8'] },
    },
  ];
  assert.equal(
    renderNodes(nodes, plain),
    `\
NODE     ADDRESSES                        POD RANGES       PODS
node-1   192.0.2.11 2001:db8::11          198.51.100.0/24     3  this node
node-10  192.0.2.12 8.8.8.8 (unverified)                      0`,
  );
});

test('maps are listed with their fill', () => {
  const maps = [
    { name: 'flows', entries: 1204, maxEntries: 262_144 },
    { name: 'flow_events', maxEntries: 1_048_576 },
  ];
  assert.equal(
    renderMapList(maps, plain),
    `\
MAP          ENTRIES    AT MOST  FULL
flows          1,204    262,144  <1 %
flow_events        ?  1,048,576     ?`,
  );
});

test('a map dump has one line per entry, and one per CPU for per-CPU values', () => {
  const dump = {
    name: 'drop_counters',
    maxEntries: 16,
    truncated: true,
    entries: [
      {
        key: 3,
        value: [
          { packets: 1, bytes: 60 },
          { packets: 0, bytes: 0 },
        ],
      },
      { key: { address: '192.0.2.1', port: 80 }, value: { to: { ifIndex: 7 } } },
    ],
  };
  assert.equal(
    renderMapDump(dump),
    `\
drop_counters: 2 of at most 16 entries, only the first ones: --limit shows more
3                          ->  cpu 0: packets=1 bytes=60
                           ->  cpu 1: packets=0 bytes=0
address=192.0.2.1 port=80  ->  to={ifIndex=7}`,
  );
});

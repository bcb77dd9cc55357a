// The compiler lays out one sample of each shared struct (test/bpf/samples.bpf.c); the generated codecs must agree with
// it byte for byte, both ways.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  dropCounterCodec,
  dropReason,
  endpointCodec,
  endpointCountersCodec,
  endpointKeyCodec,
  eventBudgetCodec,
  flowCodec,
  flowDirection,
  flowEventCodec,
  flowEventKind,
  flowKeyCodec,
  flowPath,
  flowState,
  flowWay,
  locationCodec,
  locationKind,
  routeCodec,
  routeKeyCodec,
  routeKind,
  trafficDirection,
} from '../../src/datapath/generated.ts';
import { elfSection, parseElf } from '../../src/kernel/bpf/elf.ts';
import type { Codec } from '../../src/kernel/codec.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parseMac } from '../../src/net/mac.ts';
import { encodeBytes } from '../../test/support/encode-bytes.ts';

const ipv4 = parseAddress('192.0.2.1');
const ipv6 = parseAddress('2001:db8::2');
const ifindex = 0x01020304;

interface Sample {
  readonly name: string;
  readonly size: number;
  encoded(): Uint8Array;
  decoded(bytes: Uint8Array): unknown;
  readonly value: unknown;
}

function sample<T>(name: string, codec: Codec<T>, value: T): Sample {
  return {
    name,
    value,
    size: codec.size,
    encoded: () => encodeBytes(codec, value),
    decoded: (bytes) => codec.decode(new DataView(bytes.buffer, bytes.byteOffset), 0),
  };
}

const samples: readonly Sample[] = [
  sample('endpoint_key', endpointKeyCodec, { ifindex }),
  sample('endpoint', endpointCodec, {
    ipv4,
    ipv6,
    mac: parseMac('02:00:5e:10:00:01'),
    id: 0x0506,
    queue: 0x0708,
  }),
  sample('location', locationCodec, {
    kind: locationKind.host,
    ifindex,
    endpointId: 0x0506,
    queued: 1,
  }),
  sample('route_key', routeKeyCodec, { prefixLength: 120, address: ipv4 }),
  sample('route', routeCodec, {
    kind: routeKind.overlay,
    ifindex,
    nextHop: ipv6,
    mtu: 1450,
    vni: 0x050607,
    otherIfindex: [1, 2, 3],
  }),
  sample('flow_key', flowKeyCodec, {
    low: ipv4,
    high: ipv6,
    lowPort: 0x1234,
    highPort: 443,
    protocol: 6,
  }),
  sample('flow', flowCodec, {
    end: [
      {
        address: 0x01020304,
        ifindex: 0x05060708,
        link: [0x090a0b0c, 0x0d0e0f10],
        endpointId: 0x1112,
        mtu: 0x1314,
      },
      { address: 0x05060708, ifindex: 2, link: [3, 4], endpointId: 5, mtu: 6 },
    ],
    generation: 0x15161718,
    way: [flowWay.pod, flowWay.tunnel],
    createdNs: 0x01020304050607,
    lastSeenNs: 0x08090a0b0c0d0e,
    bytes: [1, 2 ** 40],
    packets: [3, 4],
    tcpFlags: [0x12, 0x11],
    initiator: flowDirection.high,
    state: flowState.closed,
    ifindex,
    direction: trafficDirection.egress,
    path: flowPath.throughStack,
  }),
  sample('endpoint_counters', endpointCountersCodec, {
    traffic: [
      { packets: 1, bytes: 2, droppedPackets: 3 },
      { packets: 4, bytes: 5, droppedPackets: 6 },
    ],
    events: [
      { windowStartNs: 7, used: 8, suppressed: 9 },
      { windowStartNs: 10, used: 11, suppressed: 12 },
    ],
  }),
  sample('drop_counter', dropCounterCodec, { packets: 1, bytes: 2 ** 33 }),
  sample('flow_event', flowEventCodec, {
    timeNs: 0x01020304050607,
    createdNs: 0x08090a0b0c0d0e,
    source: ipv6,
    destination: ipv4,
    sourcePort: 0x1234,
    destinationPort: 53,
    kind: flowEventKind.close,
    reason: dropReason.noTunnel,
    direction: trafficDirection.egress,
    ifindex,
    protocol: 17,
    tcpFlags: 0x12,
    frontendPort: 0x0105,
    frontend: ipv6,
    bytes: [1, 2 ** 40],
    packets: [3, 4],
  }),
  sample('event_budget', eventBudgetCodec, { windowStartNs: 1, used: 2, suppressed: 3, lost: 4 }),
];

const object = parseElf(readFileSync('dist/test/bpf/samples.bpf.o'));
const section = elfSection(object, 'samples');

for (const { name, size, value, encoded, decoded } of samples) {
  test(`struct ${name} has the compiler's layout`, () => {
    const symbol = object.symbols.find((candidate) => candidate.name === name);
    assert.ok(symbol && section, `the object has a sample of ${name}`);
    const compiled = section.slice(symbol.offset, symbol.offset + symbol.size);
    assert.equal(size, symbol.size);
    assert.equal(Buffer.from(encoded()).toString('hex'), Buffer.from(compiled).toString('hex'));
    assert.deepEqual(decoded(compiled), value);
  });
}

test('every sample from the compiler is compared', () => {
  const compiled = object.symbols.filter((symbol) => symbol.section === 'samples' && symbol.name);
  assert.deepEqual(compiled.map(({ name }) => name).sort(), samples.map(({ name }) => name).sort());
});

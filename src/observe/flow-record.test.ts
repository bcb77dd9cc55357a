import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unknownEnds } from '../../test/support/flow-ends.ts';
import type { FlowSender } from '../api/flows.ts';
import {
  dropReason,
  type FlowEvent,
  flowDirection,
  flowEventKind,
  flowPath,
  flowState,
  trafficDirection,
} from '../datapath/generated.ts';
import { parseAddress } from '../net/address.ts';
import { protocols } from '../net/protocol.ts';
import { ownerOf, type RecordContext, recordOfEvent, recordOfIdleFlow } from './flow-record.ts';

const pod = parseAddress('198.51.100.5');
const outside = parseAddress('203.0.113.9');

const mallory: FlowSender = {
  node: 'node-1',
  pod: { namespace: 'shop', name: 'mallory' },
  addresses: ['198.51.100.6'],
};

const context: RecordContext = {
  owner: (address, atNs) =>
    address === pod
      ? {
          kind: 'pod',
          node: 'node-1',
          pod: { namespace: 'shop', name: atNs < 4e9 ? 'gone-1' : 'web-1' },
        }
      : { kind: 'world' },
  sender: (ifIndex) => (ifIndex === 9 ? mallory : undefined),
  serviceOf: ({ frontend: address, frontendPort }) =>
    frontendPort === 0 ? undefined : { name: 'shop/web', address, port: frontendPort },
  serviceOfEnded: ({ source }) =>
    source === outside ? { name: 'shop/db', address: source, port: 1 } : undefined,
  wallMs: (ns) => Date.parse('2026-01-02T03:04:00Z') + ns / 1e6,
};

const opened: FlowEvent = {
  timeNs: 5e9,
  createdNs: 5e9,
  source: pod,
  destination: outside,
  sourcePort: 40_000,
  destinationPort: 443,
  protocol: protocols.tcp,
  kind: flowEventKind.new,
  reason: 0,
  direction: 1,
  ifindex: 7,
  tcpFlags: 0x02,
  frontendPort: 0,
  frontend: parseAddress('::'),
  bytes: [0, 0],
  packets: [0, 0],
};

const from = {
  address: pod,
  port: 40_000,
  kind: 'pod',
  node: 'node-1',
  pod: { namespace: 'shop', name: 'web-1' },
};
const to = { address: outside, port: 443, kind: 'world' };
const common = { kind: 'flow', from, to, protocol: 'tcp', direction: 'egress' };

test('a new flow', () => {
  assert.deepEqual(recordOfEvent(opened, context), {
    ...common,
    time: '2026-01-02T03:04:05.000Z',
    verdict: 'allowed',
    tcpFlags: ['syn'],
  });
});

test('a flow of a led socket has the Service as well as the backend', () => {
  const frontend = parseAddress('10.96.0.1');
  const record = recordOfEvent({ ...opened, frontend, frontendPort: 80 }, context);
  assert.deepEqual(record.service, { name: 'shop/web', address: frontend, port: 80 });
  assert.deepEqual(record.to, to);
});

test('an event that is read late is attributed to the pod that had the address at that time', () => {
  assert.deepEqual(recordOfEvent({ ...opened, timeNs: 3e9 }, context).from.pod?.name, 'gone-1');
});

test('a closed flow has its totals', () => {
  const event: FlowEvent = {
    ...opened,
    kind: flowEventKind.close,
    timeNs: 7.56e9,
    tcpFlags: 0x11,
    bytes: [400, 9000],
    packets: [5, 7],
  };
  assert.deepEqual(recordOfEvent(event, context), {
    ...common,
    time: '2026-01-02T03:04:07.560Z',
    verdict: 'closed',
    tcpFlags: ['fin', 'ack'],
    totals: {
      durationMs: 2560,
      sent: { packets: 5, bytes: 400 },
      received: { packets: 7, bytes: 9000 },
      end: 'closed',
    },
  });
});

test('a dropped packet has its reason as text, and no ports if its protocol has none', () => {
  const event: FlowEvent = {
    ...opened,
    kind: flowEventKind.drop,
    reason: dropReason.spoofedAddress,
    protocol: protocols.icmp,
  };
  const record = recordOfEvent(event, context);
  assert.equal(record.verdict, 'dropped');
  assert.equal(record.reason, 'spoofed address');
  assert.equal(record.protocol, 'icmp');
  assert.equal(record.tcpFlags, undefined);
  assert.deepEqual(Object.keys(record.from).includes('port'), false);
  assert.equal(recordOfEvent({ ...event, reason: 77 }, context).reason, 'reason 77');
});

test('an idle flow is shown from the end that started it', () => {
  const key = { low: pod, high: outside, lowPort: 53, highPort: 5353, protocol: protocols.udp };
  const flow = {
    ...unknownEnds,
    createdNs: 1e9,
    lastSeenNs: 3e9,
    bytes: [10, 20],
    packets: [1, 2],
    tcpFlags: [0, 0],
    initiator: flowDirection.high,
    state: flowState.open,
    ifindex: 7,
    direction: trafficDirection.ingress,
    path: flowPath.direct,
  } as const;
  const idleSince = (lastSeenNs: number) => recordOfIdleFlow(key, { ...flow, lastSeenNs }, context);
  assert.equal(idleSince(3e9).to.pod?.name, 'gone-1', 'who had the address when it was last used');
  assert.equal(idleSince(4e9).to.pod?.name, 'web-1');
  const record = recordOfIdleFlow(key, flow, context);
  assert.deepEqual([record.from.address, record.from.port], [outside, 5353]);
  assert.deepEqual([record.to.address, record.to.port], [pod, 53]);
  assert.equal(record.direction, 'ingress');
  assert.deepEqual(record.service, { name: 'shop/db', address: outside, port: 1 });
  assert.deepEqual(record.totals, {
    durationMs: 2000,
    sent: { packets: 2, bytes: 20 },
    received: { packets: 1, bytes: 10 },
    end: 'idle',
  });
});

const forged: FlowEvent = {
  ...{ ...opened, kind: flowEventKind.drop, ifindex: 9, reason: dropReason.spoofedAddress },
};
const claimed = { address: pod, port: 40_000, kind: 'unverified' };

test('a forged packet is attributed to the pod that sent it, not to the claimed one', () => {
  const reasons = [
    dropReason.spoofedAddress,
    dropReason.spoofedMac,
    dropReason.malformed,
    dropReason.unknownEndpoint,
  ];
  for (const reason of reasons) {
    const { from: sender, by } = recordOfEvent({ ...forged, reason }, context);
    assert.deepEqual(sender, claimed);
    assert.deepEqual(by, mallory);
  }
});

test('a packet that a pod sends with its own address is attributed to it, for every drop reason', () => {
  const own = parseAddress('198.51.100.6');
  for (const reason of [dropReason.tunnelPort, dropReason.martian, dropReason.forgedError]) {
    const record = recordOfEvent({ ...forged, source: own, reason }, context);
    assert.equal(record.from.kind, 'world', 'as the names have it');
    assert.equal(record.by, undefined);
  }
});

test('a packet from an unknown interface or from outside names no pod', () => {
  const stranger = recordOfEvent({ ...forged, ifindex: 77 }, context);
  assert.deepEqual([stranger.from, stranger.by], [claimed, undefined]);
  for (const reason of [
    dropReason.spoofedTunnel,
    dropReason.spoofedOutside,
    dropReason.malformed,
    dropReason.sourceRoute,
    dropReason.forgedError,
    dropReason.neighbourDiscovery,
  ]) {
    const direction = trafficDirection.ingress;
    const record = recordOfEvent({ ...forged, direction, reason }, context);
    assert.deepEqual([record.from, record.by], [claimed, undefined]);
  }
});

test('an allowed flow belongs to its source, because the data path verified it', () => {
  const record = recordOfEvent({ ...opened, ifindex: 9 }, context);
  assert.deepEqual([record.from, record.by], [from, undefined]);
});

test('events belong to the endpoint that caused them, per direction', () => {
  const owners = [
    ownerOf({ ifindex: 9, direction: trafficDirection.egress }),
    ownerOf({ ifindex: 9, direction: trafficDirection.ingress }),
    ownerOf({ ifindex: 8, direction: trafficDirection.egress }),
    ownerOf({ ifindex: 0, direction: trafficDirection.ingress }),
  ];
  assert.equal(new Set(owners).size, owners.length);
});

test('UDP-Lite has a name and ports', () => {
  const record = recordOfEvent({ ...opened, protocol: protocols.udplite }, context);
  assert.equal(record.protocol, 'udplite');
  assert.deepEqual([record.from.port, record.to.port], [40_000, 443]);
});

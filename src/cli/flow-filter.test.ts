import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowRecord } from '../api/flows.ts';
import { type FlowFilter, flowMatches } from './flow-filter.ts';

const flow: FlowRecord = {
  kind: 'flow',
  time: '2026-03-01T12:00:00Z',
  verdict: 'allowed',
  from: {
    kind: 'pod',
    address: '2001:db8:1::2',
    port: 40_000,
    pod: { namespace: 'shop', name: 'web-1' },
    node: 'node-1',
  },
  to: { kind: 'node', address: '192.0.2.12', port: 5432, node: 'node-2' },
  protocol: 'tcp',
  direction: 'egress',
};

test('a flow passes if every part of the filter matches', () => {
  const passing: FlowFilter[] = [
    {},
    { from: 'shop/web-1' },
    { from: 'shop/' },
    { from: '2001:db8:1::2' },
    { from: 'shop/web-1:40000' },
    { from: '[2001:db8:1::2]:40000' },
    { to: 'node-2' },
    { to: '192.0.2.12:5432' },
    { from: 'shop/', to: 'node-2:5432', verdict: 'allowed' },
  ];
  for (const filter of passing) assert.ok(flowMatches(flow, filter), JSON.stringify(filter));
});

test('a flow is omitted if any part does not match', () => {
  const failing: FlowFilter[] = [
    { from: 'shop/web' },
    { from: 'web-1' },
    { from: 'node-1' },
    { from: 'shop/web-1:1' },
    { to: 'shop/' },
    { to: '192.0.2.12:1' },
    { verdict: 'dropped' },
    { from: 'shop/', verdict: 'closed' },
  ];
  for (const filter of failing) assert.ok(!flowMatches(flow, filter), JSON.stringify(filter));
});

test('a flow of a Service is found by the Service and by the backend', () => {
  const led = { ...flow, service: { name: 'shop/db', address: '10.96.0.1', port: 80 } };
  for (const to of ['10.96.0.1', '10.96.0.1:80', 'node-2:5432'])
    assert.ok(flowMatches(led, { to }), to);
  for (const to of ['10.96.0.1:81', '10.96.0.2']) assert.ok(!flowMatches(led, { to }), to);
});

test('a gap passes every filter, because the missing flows may have matched', () => {
  const gap = { kind: 'gap', time: flow.time, cause: 'slow reader', records: 3 } as const;
  assert.ok(flowMatches(gap, { from: 'shop/web-1', verdict: 'dropped' }));
});

const forged: FlowRecord = {
  ...{ ...flow, verdict: 'dropped', reason: 'spoofed address' },
  from: { kind: 'unverified', address: '2001:db8:1::2', port: 40_000 },
  by: {
    node: 'node-1',
    pod: { namespace: 'evil', name: 'mallory' },
    addresses: ['2001:db8:1::6'],
  },
};

test('a forged packet is found by its sender and its claimed address, but not by the name of the claimed pod', () => {
  for (const from of [
    'evil/mallory',
    'evil/',
    '2001:db8:1::6',
    '2001:db8:1::2',
    '[2001:db8:1::2]:40000',
  ]) {
    assert.ok(flowMatches(forged, { from }), from);
  }
  for (const from of ['shop/web-1', 'shop/', 'mallory', 'evil/mallory:1', 'node-1']) {
    assert.ok(!flowMatches(forged, { from }), from);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowEndView, FlowLine, FlowRecord } from '../../api/flows.ts';
import { renderFlowHeading, renderFlowLine } from './flows.ts';
import { plain } from './style.ts';
import { formatTime } from './units.ts';

const time = '2026-03-01T12:01:07.214Z';
const web: FlowEndView = {
  kind: 'pod',
  address: '198.51.100.2',
  port: 40_000,
  pod: { namespace: 'shop', name: 'web-1' },
};
const db: FlowEndView = {
  kind: 'pod',
  address: '198.51.100.9',
  port: 5432,
  pod: { namespace: 'shop', name: 'db-1' },
};
const flow: FlowRecord = {
  kind: 'flow',
  time,
  verdict: 'allowed',
  from: web,
  to: db,
  protocol: 'tcp',
  direction: 'egress',
};

const lines: readonly FlowLine[] = [
  flow,
  {
    ...flow,
    verdict: 'closed',
    totals: {
      durationMs: 2560,
      sent: { packets: 20, bytes: 12_400 },
      received: { packets: 800, bytes: 1_100_000 },
      end: 'closed',
    },
  },
  {
    ...flow,
    verdict: 'dropped',
    to: { kind: 'world', address: '203.0.113.8', port: 53 },
    tcpFlags: ['syn'],
    reason: 'spoofed address',
  },
  {
    ...flow,
    from: { kind: 'node', node: 'node-1', address: '192.0.2.11' },
    to: { kind: 'world', address: '2001:db8::8' },
    protocol: 'icmpv6',
  },
  { ...flow, to: { kind: 'world', address: '2001:db8::8', port: 443 } },
  {
    ...flow,
    verdict: 'dropped',
    from: { kind: 'unverified', address: '198.51.100.3', port: 1 },
    by: { node: 'node-1', addresses: [], pod: { namespace: 'shop', name: 'mallory' } },
    protocol: 'udp',
    reason: 'spoofed address',
  },
  {
    ...flow,
    verdict: 'dropped',
    from: { kind: 'unverified', address: '198.51.100.3' },
    reason: 'spoofed tunnel',
  },
  { ...flow, service: { name: 'shop/db', portName: 'sql', address: '10.96.0.1', port: 80 } },
  { ...flow, service: { address: '2001:db8::9', port: 80 } },
  { kind: 'gap', time, cause: 'suppressed', records: 1200 },
  {
    ...{ kind: 'gap', time, cause: 'suppressed', records: 1 },
    by: { node: 'node-1', addresses: ['198.51.100.6'] },
  },
];

test('each flow is one line: time, verdict, source, destination, details', () => {
  const view = { style: plain, nodeWidth: 0 };
  const text = [
    renderFlowHeading(view),
    ...lines.map((line) => renderFlowLine(line, 'node-1', view)),
  ].join('\n');
  assert.equal(
    text.replaceAll(formatTime(time), '12:01:07.214'),
    `\
TIME          VERDICT  FROM                  TO                              DETAIL
12:01:07.214  allowed  shop/web-1            shop/db-1:5432                  tcp new
12:01:07.214  closed   shop/web-1            shop/db-1:5432                  tcp 12.4 kB out, 1.10 MB in, 2.56 s
12:01:07.214  DROPPED  shop/web-1            203.0.113.8:53                  tcp syn: spoofed address
12:01:07.214  allowed  node-1                2001:db8::8                     icmpv6 new
12:01:07.214  allowed  shop/web-1            [2001:db8::8]:443               tcp new
12:01:07.214  DROPPED  shop/mallory          shop/db-1:5432                  udp as 198.51.100.3: spoofed address
12:01:07.214  DROPPED  198.51.100.3?         shop/db-1:5432                  tcp: spoofed tunnel
12:01:07.214  allowed  shop/web-1            shop/db-1:5432                  tcp new, Service shop/db:sql at 10.96.0.1:80
12:01:07.214  allowed  shop/web-1            shop/db-1:5432                  tcp new, Service - at [2001:db8::9]:80
12:01:07.214  1,200 records are missing here: over the data path's budget of events a second
12:01:07.214  1 record of 198.51.100.6 is missing here: over the data path's budget of events a second`,
  );
});

test('with several nodes, the reporting node follows the time', () => {
  const view = { style: plain, nodeWidth: 7 };
  assert.equal(
    renderFlowLine(flow, 'node-1', view).replace(formatTime(time), '12:01:07.214'),
    '12:01:07.214  node-1   allowed  shop/web-1            shop/db-1:5432                  tcp new',
  );
});

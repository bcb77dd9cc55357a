import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowEndView } from '../../api/flows.ts';
import type { ServiceConnection } from '../../api/service-connections.ts';
import { renderServiceConnections } from './service-connections.ts';
import { plain } from './style.ts';

const backend: FlowEndView = {
  ...{ address: '10.78.1.2', port: 8080, kind: 'pod', node: 'n1' },
  pod: { namespace: 'shop', name: 'web-1' },
};
const bySocket: ServiceConnection = {
  ...{ way: 'socket', protocol: 'TCP', service: 'shop/web', portName: 'http' },
  client: { kind: 'node', node: 'n1', address: '10.77.0.11', port: 40_000 },
  frontend: { address: '10.96.0.1', port: 80 },
  ...{ backend, state: 'established' },
};
const connections: readonly ServiceConnection[] = [
  bySocket,
  { ...bySocket, client: { kind: 'unknown' }, state: 'unknown' },
  {
    ...{ way: 'packets', protocol: 'UDP' },
    client: { kind: 'world', address: '2001:db8::9', port: 7 },
    frontend: { address: '2001:db8::1', port: 30_053 },
    backend: { kind: 'node', node: 'n2', address: 'fd00::2', port: 53 },
    masqueradedAs: { address: 'fd00::1', port: 4000 },
    ...{ state: 'answered', timeoutSeconds: 28 },
  },
];

test('connections are sorted by Service and client', () => {
  assert.equal(
    renderServiceConnections({ connections }, plain),
    `\
3 connections: 2 by the socket, 1 by packets

SERVICE        CLIENT               FRONTEND                 BACKEND                    WAY      STATE        EXPIRES  SEEN AS
-              [2001:db8::9]:7      [2001:db8::1]:30053/UDP  n2 [fd00::2]:53            packets  answered        28 s  [fd00::1]:4000
shop/web:http  ?                    10.96.0.1:80/TCP         shop/web-1 10.78.1.2:8080  socket   unknown            -
shop/web:http  n1 10.77.0.11:40000  10.96.0.1:80/TCP         shop/web-1 10.78.1.2:8080  socket   established        -`,
  );
});

test('the screen says that some are missing, and why', () => {
  const lines = renderServiceConnections({ connections: [bySocket], cut: 'limit' }, plain);
  assert.match(lines, /^1 connection: 1 by the socket, 0 by packets\nthere are more: --limit /);
  const late = renderServiceConnections({ connections: [], cut: 'time' }, plain);
  assert.match(late, /^0 connections: .*\nthere are more: the agent stopped/);
});

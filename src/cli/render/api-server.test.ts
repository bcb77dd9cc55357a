import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiServerView } from '../../api/api-server.ts';
import type { ClusterView } from '../../api/status.ts';
import { apiServerLines } from './api-server.ts';

const now = new Date('2026-03-01T12:00:00Z');
const cluster: ClusterView = {
  source: 'x',
  complete: true,
  nodes: 2,
  pods: 6,
  services: 0,
  servicesBy: 'another program',
  problems: [],
};
const apiServer: ApiServerView = {
  server: 'https://192.0.2.1:6443',
  connectedSince: '2026-03-01T11:57:00Z',
  resources: [
    {
      resource: 'nodes',
      objects: 2,
      listedAt: '2026-03-01T11:57:00Z',
      watchedAt: '2026-03-01T11:59:56Z',
      watchRestarts: 1,
      relists: 2,
    },
    { resource: 'pods', objects: 0, watchRestarts: 0, relists: 0 },
  ],
  requests: [],
};

test('without an API server there are no lines about one', () => {
  assert.deepEqual(apiServerLines(cluster, now), []);
});

test('the connection comes first, then each resource with its age', () => {
  assert.deepEqual(apiServerLines({ ...cluster, apiServer }, now), [
    {
      label: 'API',
      text: 'connected for 3 min 0 s   nodes 2 (4 s ago, 2 relists)   pods not read yet',
    },
  ]);
});

test('a failing resource has its own line while the connection works', () => {
  const failing = { since: '2026-03-01T11:59:00Z', text: 'list pods: 403 Forbidden' };
  const [nodes, pods] = apiServer.resources;
  assert.ok(nodes && pods);
  const refused = { ...apiServer, resources: [nodes, { ...pods, failing }] };
  const lines = apiServerLines({ ...cluster, apiServer: refused }, now);
  assert.deepEqual(
    lines.map(({ text }) => text)[1],
    'pods: failing for 1 min 0 s: list pods: 403 Forbidden',
  );
  const unreachable = { since: '2026-03-01T11:58:00Z', text: 'x' };
  const lost = apiServerLines({ ...cluster, apiServer: { ...refused, unreachable } }, now);
  assert.equal(lost.length, 1, 'the lost connection explains it');
  assert.match(lost[0]?.text ?? '', /^no connection for 2 min 0 s/);
});

test('a first reading shows its start and progress; a doubtful list shows the reason', () => {
  const [nodes, pods] = apiServer.resources;
  assert.ok(nodes && pods);
  const reading = { since: '2026-03-01T11:58:25Z', objects: 2500 };
  const doubt = {
    since: '2026-03-01T11:59:52Z',
    text: 'nodes: the list is empty, but there were 2 before',
  };
  const view = {
    ...apiServer,
    resources: [
      { ...nodes, doubt },
      { ...pods, reading },
    ],
  };
  const [first, second] = apiServerLines({ ...cluster, apiServer: view }, now);
  assert.match(first?.text ?? '', /reading pods for 1 min 35 s \(2,500 so far\)$/);
  assert.equal(second?.text, 'doubted for 8 s: nodes: the list is empty, but there were 2 before');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeProblem } from '../../api/problem.ts';
import type { HealthView, NodeStatus } from '../../api/status.ts';
import { renderStatus } from './status.ts';
import { plain, styleFor } from './style.ts';

const now = new Date('2026-03-01T12:00:00Z');

function degraded(...problems: readonly NodeProblem[]): HealthView {
  return { state: 'degraded', reasons: problems.map(({ text }) => text), problems };
}

const healthy: NodeStatus = {
  node: 'node-1',
  version: '0.1.0',
  kernel: '6.12.9',
  pid: 4242,
  startedAt: '2026-03-01T08:48:00Z',
  uptimeMs: 11_520_000,
  health: { state: 'healthy', reasons: [], problems: [] },
  mode: 'native',
  cluster: {
    source: 'directory examples/demo',
    complete: true,
    nodes: 2,
    pods: 6,
    services: 0,
    servicesBy: 'another program',
    problems: [],
  },
  lastChange: { at: '2026-03-01T11:59:48Z', cause: 'cluster', durationMs: 4.2, writes: 6 },
  datapath: {
    objectHash: '0123456789ab',
    adopted: false,
    loadMs: 41.3,
    programs: 5,
    attachments: 9,
    mtuBytes: 1500,
    uplinks: [
      {
        name: 'eth0',
        ifIndex: 2,
        mtuBytes: 1500,
        addresses: ['192.0.2.11/24', '2001:db8::11/64', 'fe80::1/64'],
      },
    ],
  },
  tables: [
    {
      name: 'addresses',
      desired: 14,
      applied: 14,
      failures: [],
      writes: { set: 14, deleted: 0, restored: 0 },
    },
    {
      name: 'routes',
      desired: 2,
      applied: 2,
      failures: [],
      writes: { set: 2, deleted: 0, restored: 0 },
    },
  ],
  endpoints: 3,
  facts: [{ id: 'forwarding', state: 'ok' }],
  maps: [
    { name: 'flows', entries: 1204, maxEntries: 262_144 },
    { name: 'addresses', entries: 14, maxEntries: 65_536 },
    { name: 'flow_events', maxEntries: 1_048_576 },
  ],
  drops: {
    lastMinute: 0,
    total: [{ reason: 'spoofed address', packets: 12, bytes: 720 }],
  },
  flowEvents: { received: 2400, suppressed: 0, lost: 0 },
  recentErrors: [],
  start: { runtimeMs: 60, loadMs: 41.3, readyMs: 412 },
};

test("the first line of a healthy node's screen says so", () => {
  assert.equal(
    renderStatus(healthy, { now, style: plain }),
    `\
node-1: healthy                                                   heddle 0.1.0, Linux 6.12.9, up 3 h 12 min
  cluster    directory examples/demo (2 nodes, 6 pods)            last change 12 s ago, applied in 4 ms
  datapath   native; 5 programs loaded in 41 ms, attached at 9 hooks; pod MTU 1500 bytes
  uplinks    eth0 192.0.2.11/24 2001:db8::11/64 MTU 1500 bytes
  tables     addresses 14/14   routes 2/2   0 errors
  maps       flows 1,204 of 262,144 (<1 %)   addresses 14 of 65,536 (<1 %)
  drops      0 in the last minute  (total: 12 spoofed address)`,
  );
});

test('facts about the node: problems are among the reasons, notes separate, others omitted', () => {
  const text = 'chain FORWARD of table ip filter (hook forward, policy drop) drops packets of pods';
  const screen = renderStatus(
    {
      ...healthy,
      health: degraded({ kind: 'node-fact', text: `forward-hooks: ${text}` }),
      facts: [
        { id: 'forwarding', state: 'ok' },
        { id: 'forward-hooks', state: 'problem', text },
        { id: 'mtu', state: 'note', text: 'pods were made larger' },
        { id: 'routes', state: 'unknown', text: 'route list: EPERM' },
        { id: 'exit-address', state: 'ok', text: 'pods leave by wg0 as 203.0.113.2' },
      ],
      recentErrors: [
        {
          at: '2026-03-01T11:58:00Z',
          kind: 'problem',
          text: `forward-hooks: ${text}`,
          isCurrent: true,
        },
      ],
    },
    { now, style: plain },
  );
  assert.deepEqual(screen.split('\n').slice(0, 4), [
    `node-1: DEGRADED: forward-hooks: ${text}`,
    '  note       mtu: pods were made larger',
    '  note       routes: route list: EPERM',
    '  note       exit-address: pods leave by wg0 as 203.0.113.2',
  ]);
  assert.equal(screen.split(text).length, 2, 'said once');
});

const route = 'replace 198.51.100.0/24 via 192.0.2.12 dev eth0: ENETUNREACH';

test('failures come first: reasons, failed tables, invalid manifests', () => {
  const node: NodeStatus = {
    ...healthy,
    health: degraded(
      { kind: 'table-entry', text: '1 table entry could not be applied' },
      { kind: 'cluster-object', text: '1 manifest is broken' },
    ),
    cluster: {
      ...healthy.cluster,
      problems: [
        {
          text: 'pods.yaml, document 3: Pod shop/db-1: status.podIP: "x" is not an address',
          consequence: 'the last good version stays in force',
        },
      ],
    },
    tables: [
      {
        name: 'routes',
        desired: 2,
        applied: 1,
        failures: [{ key: '198.51.100.0/24', text: route, retryAt: '2026-03-01T12:00:08Z' }],
        writes: { set: 1, deleted: 0, restored: 0 },
      },
    ],
    flowEvents: { received: 10, suppressed: 1234, lost: 5 },
    recentErrors: [
      { at: '2026-03-01T11:58:00Z', kind: 'internal', text: 'the agent could not read x' },
      { at: '2026-03-01T11:59:00Z', kind: 'table', text: `routes: ${route}`, isCurrent: true },
    ],
  };
  assert.equal(
    renderStatus(node, { now, style: plain }),
    `\
node-1: DEGRADED: 1 table entry could not be applied
             1 manifest is broken
  routes     1/2   ${route} (retry in 8 s)
  manifest   pods.yaml, document 3: Pod shop/db-1: status.podIP: "x" is not an address
               the last good version stays in force
  cluster    directory examples/demo (2 nodes, 6 pods)            last change 12 s ago, applied in 4 ms
  datapath   native; 5 programs loaded in 41 ms, attached at 9 hooks; pod MTU 1500 bytes
  uplinks    eth0 192.0.2.11/24 2001:db8::11/64 MTU 1500 bytes
  tables     routes 1/2   1 error
  maps       flows 1,204 of 262,144 (<1 %)   addresses 14 of 65,536 (<1 %)
  drops      0 in the last minute  (total: 12 spoofed address)
  events     10 received, 1,234 over the budget, 5 lost to a full ring buffer
  errors     2 min 0 s ago: the agent could not read x`,
  );
});

test('before the first settle the node is starting and shows what is known', () => {
  const { lastChange: _, ...fresh } = healthy;
  const starting: NodeStatus = {
    ...fresh,
    health: {
      ...degraded({ kind: 'waiting', text: 'waiting for the first full list of the cluster' }),
      state: 'starting',
    },
    cluster: { ...healthy.cluster, complete: false, nodes: 0, pods: 0 },
    datapath: {
      objectHash: '0123456789ab',
      adopted: true,
      loadMs: 3,
      programs: 5,
      attachments: 0,
      uplinks: [],
    },
    tables: [],
    maps: [],
    drops: { lastMinute: 0, total: [] },
  };
  assert.equal(
    renderStatus(starting, { now, style: plain }),
    `\
node-1: starting: waiting for the first full list of the cluster
  cluster    directory examples/demo (0 nodes, 0 pods; not read completely, so nothing is removed)
  datapath   native; 5 programs adopted, attached at 0 hooks
  uplinks    none found
  tables     0 errors
  maps       none loaded yet
  drops      0 in the last minute`,
  );
});

test('an error caused by what the agent waits for is shown after the wait', () => {
  const text = 'CNI ADD shop/web-1 eth0: the agent is not ready: no list';
  const node: NodeStatus = {
    ...healthy,
    recentErrors: [{ at: '2026-03-01T11:58:00Z', kind: 'cni', text, from: 'waiting' }],
  };
  const line = `  errors     2 min 0 s ago: ${text}`;
  const waits = { ...node, health: degraded({ kind: 'waiting', text: 'no list' }) };
  const others = { ...node, health: degraded({ kind: 'network', text: 'no list' }) };
  for (const [shown, isThere] of [
    [node, true],
    [others, true],
    [waits, false],
  ] as const) {
    assert.equal(renderStatus(shown, { now, style: plain }).includes(line), isThere);
  }
});

test('Services are reported as left to kube-proxy, if there are any', () => {
  const cluster = { ...healthy.cluster, services: 3 };
  const lines = renderStatus({ ...healthy, cluster }, { now, style: plain }).split('\n');
  assert.equal(lines[2], '  services   3, left to kube-proxy (services.mode is off)');
});

test('with services.mode auto, the reason is shown, and a kube-proxy beside', () => {
  const cluster = {
    ...healthy.cluster,
    services: 3,
    servicesBy: 'heddle' as const,
    servicesReason: 'no kube-proxy ran here when the agent started',
    servicesNote: 'kube-proxy runs here too',
  };
  const lines = renderStatus({ ...healthy, cluster }, { now, style: plain }).split('\n');
  assert.deepEqual(lines.slice(2, 4), [
    '  services   3, translated by Heddle (no kube-proxy ran here when the agent started)',
    '  note       kube-proxy runs here too',
  ]);
});

test('DEGRADED is coloured on a terminal, and nothing is with NO_COLOR', () => {
  const node: NodeStatus = { ...healthy, health: degraded({ kind: 'network', text: 'x' }) };
  const first = (style: ReturnType<typeof styleFor>): string | undefined =>
    renderStatus(node, { now, style }).split('\n')[0];
  assert.equal(
    first(styleFor({ isTerminal: true, env: {} })),
    'node-1: \x1b[1;31mDEGRADED\x1b[0m: x',
  );
  assert.equal(
    first(styleFor({ isTerminal: true, env: { NO_COLOR: '1' } })),
    'node-1: DEGRADED: x',
  );
  assert.equal(first(styleFor({ isTerminal: false, env: {} })), 'node-1: DEGRADED: x');
});

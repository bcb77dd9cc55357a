// `heddle services connections` with real connections of each kind of client, until they end.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import type { FlowLine } from '../../src/api/flows.ts';
import type { ServiceConnection, ServiceConnections } from '../../src/api/service-connections.ts';
import { findPlace } from '../../src/lab/find.ts';
import { spawnInPlace } from '../../src/lab/spawn.ts';
import { echoPod, eventuallyDefined, type TestLab, writeManifest } from '../support/lab.ts';
import { testProgram } from '../support/lab-traffic.ts';
import { rootTest } from '../support/root-test.ts';
import { serviceLab, serviceObjects } from '../support/service-lab.ts';

const families = [4, 6] as const;
const cluster = { 4: '10.96.0.10', 6: 'fd00:96::10' } as const;
const near = { 4: '10.96.0.11', 6: 'fd00:96::11' } as const;
const world = { 4: '203.0.113.10', 6: '2001:db8:113::10' } as const;
const loopback = { 4: '127.0.0.1', 6: '::1' } as const;
// Connections that have ended leave connection tracking soon.
const timeouts = [
  'tcp_timeout_time_wait',
  'tcp_timeout_close',
  'udp_timeout',
  'udp_timeout_stream',
];

describe('connections to Services', () => {
  const lab = serviceLab({
    mode: 'native',
    manifests: {
      'pods.yaml': [
        ...[echoPod('web-1', 'node-1'), echoPod('client-1', 'node-1')],
        echoPod('web-2', 'node-2'),
      ],
    },
    ranges: ['10.96.0.0/16', 'fd00:96::/112'],
  });
  const held: ChildProcess[] = [];
  const release = (): void => {
    for (const each of held.splice(0)) each.kill('SIGKILL');
  };
  after(release);

  rootTest('are shown with Service, client and backend until they end', async () => {
    await prepare(lab());
    held.push(
      ...(await Promise.all(targets(lab()).map(([place, words]) => hold(lab(), place, words)))),
    );
    const { connections, cut } = await ask(lab());
    assert.equal(cut, undefined);
    assert.deepEqual(texts(lab(), connections), expected(lab()));
    await assertFilters(lab(), connections);
    await assertScreen(lab());
    release();
    await eventuallyDefined('the connections have ended', async () => {
      const left = await ask(lab());
      return left.connections.length === 0 || undefined;
    });
  });

  rootTest('the flow log has the Service of each flow whose socket was led', async () => {
    const words = families.flatMap((family) =>
      ['tcp', 'udp', 'udpto'].map((kind) => `${kind},80,${near[family]}`),
    );
    held.push(await hold(lab(), 'node-1', words), await hold(lab(), 'client-1', words.slice(0, 1)));
    release();
    const wanted = families.flatMap((family) => {
      const tcp = `tcp shop/near:tcp ${near[family]}:80`;
      const udp = `udp shop/near:udp ${near[family]}:80`;
      return ['allowed', 'closed']
        .map((verdict) => `node-1 ${verdict} ${tcp}`)
        .concat([
          // The connected one. Datagrams have no end that the data path sees.
          `node-1 allowed ${udp}`,
        ]);
    });
    for (const verdict of ['allowed', 'closed'])
      wanted.push(`shop/client-1 ${verdict} tcp shop/near:tcp ${near[4]}:80`);
    await eventuallyDefined('the flows are logged', async () => {
      const { stdout } = await lab().heddle('node-1', ['flows', '-o', 'json']);
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as FlowLine);
      const found = lines.flatMap(ledText).filter((text) => text.includes('shop/near'));
      return JSON.stringify(found.sort()) === JSON.stringify(wanted.sort()) || undefined;
    });
    const { stdout } = await lab().heddle('node-1', ['flows', '--to', `${near[4]}:80`]);
    assert.match(
      stdout,
      /shop\/client-1 +shop\/web-1:8080 +tcp new, Service shop\/near:tcp at 10\.96\.0\.11:80$/m,
    );
  });

  rootTest('a question about nothing is refused with the reason', async () => {
    for (const [words, text] of [
      [['shop/none'], 'shop/none: no Service of this name has a cluster address'],
      [['--pod', 'shop/none'], 'pod: shop/none is not a pod of the cluster (namespace/name)'],
    ] as const) {
      const { exitCode, stderr } = await lab().heddle('node-1', [...command, ...words]);
      assert.equal(exitCode, 1);
      assert.ok(stderr.includes(text), stderr);
    }
  });
});

const command = ['services', 'connections'];

async function prepare(lab: TestLab): Promise<void> {
  const backends = (
    [
      ['web-1', 'node-1'],
      ['web-2', 'node-2'],
    ] as const
  ).map(([name, node]) => {
    const pod = lab.pod(name);
    return { addresses: [lab.address(pod, 4), lab.address(pod, 6)] as const, node };
  });
  const ports = (['TCP', 'UDP'] as const).map((protocol) => ({
    ...{ name: protocol.toLowerCase(), port: 80, protocol, nodePort: 30_080 },
  }));
  const spec = { type: 'NodePort', clusterIPs: Object.values(cluster), ports };
  writeManifest(join(lab.source, 'services.yaml'), [
    ...serviceObjects({ name: 'web', targetPort: 8080, spec, backends: backends.slice(1) }),
    ...serviceObjects({
      ...{ name: 'near', targetPort: 8080, backends: backends.slice(0, 1) },
      spec: {
        clusterIPs: Object.values(near),
        ports: ports.map(({ nodePort: _, ...port }) => port),
      },
    }),
  ]);
  const rules = timeouts.map((name) => `sysctl -w net.netfilter.nf_conntrack_${name}=5`);
  const { exitCode, stderr } = await lab.inNode('node-1', ['sh', '-ec', rules.join('\n')]);
  assert.equal(exitCode, 0, stderr);
  await eventuallyDefined('the Service is applied', async () => {
    const { exitCode: failed } = await lab.inPod('client-1', [
      ...['curl', '-sS', '--max-time', '1', `http://${cluster[4]}:80/`],
    ]);
    return failed === 0 || undefined;
  });
}

function ledText(line: FlowLine): readonly string[] {
  if (line.kind === 'gap' || line.service === undefined) return [];
  const { from, verdict, protocol, service, to } = line;
  assert.equal(to.kind, 'pod');
  const who = from.pod === undefined ? from.node : `${from.pod.namespace}/${from.pod.name}`;
  const { name, portName, address, port } = service;
  return [`${who} ${verdict} ${protocol} ${name}:${portName} ${address}:${port}`];
}

/** Places, with the targets that are held from there. */
function targets(lab: TestLab): readonly (readonly [string, readonly string[]])[] {
  const node = (family: 4 | 6) => lab.address(lab.node('node-1'), family);
  const each = (words: (family: 4 | 6) => readonly string[]) => families.flatMap(words);
  return [
    ['client-1', each((family) => [`tcp,80,${cluster[family]}`, `udp,80,${cluster[family]}`])],
    [
      'node-1',
      each((family) => [
        ...['tcp', 'udp', 'udpto'].map((kind) => `${kind},80,${cluster[family]}`),
        `tcp,30080,${loopback[family]}`,
      ]),
    ],
    ['world', each((family) => ['tcp', 'udp'].map((kind) => `${kind},30080,${node(family)}`))],
  ];
}

function expected(lab: TestLab): readonly string[] {
  return families
    .flatMap((family) => {
      const own = lab.address(lab.node('node-1'), family);
      const pod = lab.address(lab.pod('client-1'), family);
      const at = cluster[family];
      return [
        `socket shop/web:tcp cluster client-1 ${pod} ${at}:80 web-2 established`,
        `packets shop/web:udp cluster client-1 ${pod} ${at}:80 web-2 answered`,
        `socket shop/web:tcp cluster node-1 ${own} ${at}:80 web-2 established`,
        `socket shop/web:udp cluster node-1 ${own} ${at}:80 web-2 connected`,
        `socket shop/web:udp cluster node-1 ${family === 4 ? '0.0.0.0' : '::'} ${at}:80 web-2 unconnected`,
        `socket shop/web:tcp node-port node-1 ${own} ${loopback[family]}:30080 web-2 established`,
        ...['tcp established', 'udp answered'].map((text) => {
          const [protocol, state] = text.split(' ');
          return `packets shop/web:${protocol} node-port world ${world[family]} ${own}:30080 web-2 ${state} as ${own}`;
        }),
      ];
    })
    .sort();
}

/** Without the clients' ports. */
function texts(lab: TestLab, connections: readonly ServiceConnection[]): readonly string[] {
  return connections
    .map((each) => {
      const { way, service, portName, frontendKind, client, frontend, backend, state } = each;
      assert.equal(
        backend.address,
        lab.address(lab.pod('web-2'), backend.address.includes(':') ? 6 : 4),
      );
      assert.deepEqual([backend.port, backend.node], [8080, 'node-2']);
      assert.ok((client.port ?? 0) > 0);
      assert.equal((each.timeoutSeconds ?? 0) > 0, way === 'packets');
      const who = client.pod?.name ?? client.node ?? client.kind;
      const seen = each.masqueradedAs === undefined ? '' : ` as ${each.masqueradedAs.address}`;
      return `${way} ${service}:${portName} ${frontendKind} ${who} ${client.address} ${frontend.address}:${frontend.port} ${backend.pod?.name} ${state}${seen}`;
    })
    .sort();
}

async function assertFilters(lab: TestLab, all: readonly ServiceConnection[]): Promise<void> {
  const count = async (query: string): Promise<number> =>
    (await ask(lab, query)).connections.length;
  assert.equal(await count('service=web'), all.length);
  assert.equal(await count('pod=shop/client-1'), 4);
  assert.equal(await count('pod=shop/web-2'), all.length);
  assert.equal(await count('pod=shop/web-1'), 0);
  const limited = await ask(lab, 'limit=2');
  assert.deepEqual([limited.connections.length, limited.cut], [4, 'limit']);
}

async function assertScreen(lab: TestLab): Promise<void> {
  const { stdout, exitCode } = await lab.heddle('node-1', [...command, 'web']);
  const [first, , heading, ...rows] = stdout.trim().split('\n');
  assert.equal(exitCode, 0);
  assert.equal(first, '16 connections: 10 by the socket, 6 by packets');
  assert.match(heading ?? '', /^SERVICE +CLIENT +FRONTEND +BACKEND +WAY +STATE +EXPIRES +SEEN AS$/);
  assert.equal(rows.length, 16);
  const pod = `shop/client-1 ${lab.address(lab.pod('client-1'), 4)}`.replaceAll('.', '\\.');
  const row = new RegExp(
    `^shop/web:tcp +${pod}:\\d+ +10\\.96\\.0\\.10:80/TCP +shop/web-2 [\\d.]+:8080 +socket +established +-$`,
  );
  assert.ok(
    rows.some((text) => row.test(text)),
    stdout,
  );
}

function ask(lab: TestLab, query = ''): Promise<ServiceConnections> {
  return lab.ask('node-1', `/v1/services/connections?${query}`);
}

async function hold(lab: TestLab, name: string, words: readonly string[]): Promise<ChildProcess> {
  const place = name.startsWith('client') ? lab.pod(name) : findPlace(lab.lab.record(), name).place;
  const child = spawnInPlace(place, [...testProgram('hold'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(child.stdout);
  const [text] = await once(child.stdout, 'data');
  assert.equal(`${text}`, 'ready\n');
  return child;
}

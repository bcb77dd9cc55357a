// The real kube-proxy in one network namespace, without a cluster: an API server with one Service tells it what to write.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { kubeconfigText } from '../support/api-protocol.ts';
import { placeOf } from '../support/namespaces.ts';
import { buildPrograms, programPath } from './cluster/programs.ts';
import { silent } from './cluster/progress.ts';

export interface LoneKubeProxy {
  /** Leaves its rules. */
  end(): Promise<void>;
}

export interface LoneKubeProxyOptions {
  readonly namespace: NetworkNamespace;
  readonly mode: 'nftables' | 'iptables';
  /** Which of the machine's programs `iptables` means. */
  readonly variant?: 'nft' | 'legacy';
}

/** Waits until it has written its rules. */
export async function loneKubeProxy(
  context: TestContext,
  { namespace, mode, variant = 'nft' }: LoneKubeProxyOptions,
): Promise<LoneKubeProxy> {
  const program = programPath(await buildPrograms(silent), 'kube-proxy');
  const folder = mkdtempSync(join(tmpdir(), 'heddle-kube-proxy-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const port = await serveApi(context, namespace);
  writeFileSync(join(folder, 'kubeconfig'), kubeconfigText(`http://127.0.0.1:${port}`));
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    clientConnection: { kubeconfig: join(folder, 'kubeconfig') },
    clusterCIDR: '10.201.0.0/16,fd00:201::/48',
    hostnameOverride: 'node-1',
    // A test must not change the size of the machine's connection table.
    conntrack: { maxPerCore: 0 },
  };
  writeFileSync(join(folder, 'config'), stringify(config));
  for (const name of ['iptables', 'ip6tables'])
    for (const verb of ['', '-save', '-restore'])
      symlinkSync(`/usr/sbin/${name}-${variant}${verb}`, join(folder, `${name}${verb}`));
  const inside = [`--net=${placeOf(namespace).namespacePath}`];
  const child = spawn('nsenter', [...inside, program, `--config=${join(folder, 'config')}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
  });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log = (log + String(chunk)).slice(-4000);
  });
  const end = (): Promise<void> => ended(child);
  context.after(end);
  if (!(await hasSynced(namespace)))
    throw new Error(`kube-proxy has not written its rules within 30 s: ${log}`);
  return { end };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

// 503 before the first sync; of each family.
async function hasSynced(namespace: NetworkNamespace): Promise<boolean> {
  for (let tries = 0; tries < 300; tries++) {
    const status = await healthOf(namespace);
    const times = ['IPv4', 'IPv6'].map((family) => Date.parse(status[family]?.lastUpdated ?? ''));
    if (times.every((time) => time > 0)) return true;
    await setTimeout(100);
  }
  return false;
}

function healthOf(namespace: NetworkNamespace): Promise<Readonly<Record<string, Family>>> {
  const { namespacePath } = placeOf(namespace);
  const words = ['curl', '-s', '-m', '1', 'http://127.0.0.1:10256/healthz'];
  return new Promise((resolve) => {
    execFile('nsenter', [`--net=${namespacePath}`, ...words], (error, text) => {
      // It does not listen yet.
      resolve(error === null ? (JSON.parse(text) as Health).status : {});
    });
  });
}

interface Health {
  readonly status: Readonly<Record<string, Family>>;
}

interface Family {
  readonly lastUpdated?: string;
}

const service = {
  metadata: { namespace: 'shop', name: 'web', uid: 'web', resourceVersion: '5' },
  spec: {
    type: 'NodePort',
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10', 'fd00:96::10'],
    ipFamilies: ['IPv4', 'IPv6'],
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Cluster',
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080, nodePort: 30080 }],
  },
  status: { loadBalancer: {} },
};

const slices = [
  ['IPv4', '10.201.1.5'],
  ['IPv6', 'fd00:201:1::5'],
].map(([addressType, address]) => ({
  metadata: {
    namespace: 'shop',
    name: `web-${addressType?.toLowerCase()}`,
    uid: addressType,
    resourceVersion: '5',
    labels: { 'kubernetes.io/service-name': 'web' },
  },
  addressType,
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: [address], nodeName: 'node-1', conditions: { ready: true } }],
}));

const node = {
  metadata: { name: 'node-1', uid: 'node-1', resourceVersion: '5' },
  spec: { podCIDRs: ['10.201.1.0/24', 'fd00:201:1::/64'] },
  status: {
    addresses: [
      { type: 'InternalIP', address: '10.200.0.11' },
      { type: 'InternalIP', address: 'fd00:200::11' },
    ],
  },
};

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly items: readonly object[];
}

const resources: Readonly<Record<string, Resource>> = {
  '/api/v1/services': { apiVersion: 'v1', kind: 'Service', items: [service] },
  '/api/v1/nodes': { apiVersion: 'v1', kind: 'Node', items: [node] },
  '/apis/discovery.k8s.io/v1/endpointslices': {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    items: slices,
  },
  '/apis/networking.k8s.io/v1/servicecidrs': {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    items: [],
  },
};

async function serveApi(context: TestContext, namespace: NetworkNamespace): Promise<number> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const resource = request.method === 'GET' ? resources[url.pathname] : undefined;
    response.setHeader('content-type', 'application/json');
    if (resource === undefined) response.writeHead(404).end('{"kind":"Status","code":404}');
    else if (url.searchParams.has('watch')) answerWatch(response, resource);
    else response.end(list(resource));
  });
  await new Promise<void>((resolve) => {
    // With an address, it would listen later, outside.
    namespace.run(() => server.listen(0, resolve));
  });
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

function list({ apiVersion, kind, items }: Resource): string {
  return JSON.stringify({
    apiVersion,
    kind: `${kind}List`,
    metadata: { resourceVersion: '9' },
    items,
  });
}

// A watch that begins with the list (WatchList); it stays open and says nothing more.
function answerWatch(response: ServerResponse, { apiVersion, kind, items }: Resource): void {
  const event = (type: string, object: object): string =>
    `${JSON.stringify({ type, object: { apiVersion, kind, ...object } })}\n`;
  for (const item of items) response.write(event('ADDED', item));
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  response.write(event('BOOKMARK', { metadata: { resourceVersion: '9', annotations } }));
}

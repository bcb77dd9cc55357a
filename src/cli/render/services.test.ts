import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  BackendView,
  ServiceExplanation,
  ServiceSummary,
  ServiceView,
} from '../../api/services.ts';
import { renderExplanation } from './service-explanation.ts';
import { renderServiceList, renderServices, translatorText } from './services.ts';

const notTranslated = translatorText('another program');

import { plain } from './style.ts';

const summary: ServiceSummary = {
  translatedBy: 'another program',
  ...{ name: 'shop/web', type: 'NodePort', clusterAddresses: ['10.96.0.1', 'fd00::1'] },
  otherAddresses: ['10.77.0.12'],
  ports: [
    { name: 'http', port: 80, protocol: 'TCP', nodePort: 30_080 },
    { port: 53, protocol: 'UDP' },
  ],
  backends: { all: 4, ready: 2, serving: 1, local: 1 },
  problems: ['10.77.0.12 port 80/TCP is an address of n2'],
};
const backends: readonly BackendView[] = [
  { address: '10.78.1.2', port: 8080, node: 'n1', zone: 'z1', isLocal: true, state: 'ready' },
  { address: 'fd00::2', port: 8080, isLocal: false, state: 'not ready', unused: 'not ready' },
];

test('the list says first that another program translates', () => {
  assert.equal(
    renderServiceList([summary], plain),
    `\
${notTranslated}

SERVICE   TYPE      ADDRESSES                     PORTS                           BACKENDS  READY  HERE
shop/web  NodePort  10.96.0.1 fd00::1 10.77.0.12  http=80/TCP(node 30080) 53/UDP         4    2+1     1
problem  shop/web: 10.77.0.12 port 80/TCP is an address of n2`,
  );
  assert.equal(renderServiceList([], plain), 'the cluster has no Service with a cluster address');
});

test('of many problems the first are shown', () => {
  const problems = Array.from({ length: 25 }, (_, index) => `address ${index}`);
  const lines = renderServiceList([{ ...summary, problems }], plain).split('\n');
  assert.equal(lines.at(-1), '5 more problems: see -o json');
});

test('a Service is shown with its frontends and backends', () => {
  const view: ServiceView = {
    translatedBy: 'another program',
    ...{ name: 'shop/web', type: 'LoadBalancer', internalPolicy: 'Cluster' },
    ...{ externalPolicy: 'Local', affinitySeconds: 600, sourceRanges: ['198.51.100.0/24'] },
    selection: 'maglev',
    healthCheck: { port: 32_000, localEndpoints: 1 },
    frontends: [
      { kind: 'cluster', address: 'fd00::1', family: 6, port: 80, protocol: 'TCP' },
      {
        kind: 'node-port',
        family: 4,
        port: 30_080,
        protocol: 'TCP',
        problem: 'belongs to Service a/b',
      },
    ],
    ports: [
      {
        ...{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30_080, family: 4, backends },
        ...{ outcome: 'every ready backend', localOutcome: 'ready backends on this node' },
      },
    ],
  };
  assert.equal(
    renderServices([view], plain),
    `\
${notTranslated}

shop/web: LoadBalancer; internal policy Cluster, external policy Local; session affinity 10 min 0 s; consistent selection (maglev); load balancer only from 198.51.100.0/24; health check port 32000: 1 local endpoint

FRONTEND                KIND
[fd00::1]:80/TCP        cluster
nodes (IPv4):30080/TCP  node-port  not in use: belongs to Service a/b

port http=80/TCP(node 30080), IPv4: every ready backend; policy Local: ready backends on this node
BACKEND         STATE      NODE            ZONE  USED
10.78.1.2:8080  ready      n1 (this node)  z1    yes
[fd00::2]:8080  not ready  -               -     no: not ready`,
  );
});

test('an explanation begins with the answer', () => {
  assert.equal(
    renderExplanation(
      {
        translatedBy: 'another program',
        from: { kind: 'pod', address: '10.78.1.9' },
        to: { address: '10.96.0.1', port: 80, protocol: 'TCP' },
        ...{ outcome: 'backends', reasons: ['traffic policy Cluster', 'every ready backend'] },
        service: 'shop/web',
        frontend: { kind: 'cluster', address: '10.96.0.1', family: 4, port: 80, protocol: 'TCP' },
        backends,
      },
      plain,
    ),
    `\
${notTranslated}

pod 10.78.1.9 to 10.96.0.1:80/TCP: one of 1 backend
  Service shop/web
  cluster 10.96.0.1:80/TCP
  traffic policy Cluster
  every ready backend

BACKEND         STATE      NODE            ZONE  USED
10.78.1.2:8080  ready      n1 (this node)  z1    yes
[fd00::2]:8080  not ready  -               -     no: not ready`,
  );
  const none: ServiceExplanation = {
    translatedBy: 'another program',
    from: { kind: 'outside', address: '192.0.2.1' },
    to: { address: '2001:db8::1', port: 80, protocol: 'UDP' },
    ...{ outcome: 'no service', reasons: ['no Service has it'], backends: [] },
  };
  assert.equal(
    renderExplanation(none, plain),
    `${notTranslated}\n\n192.0.2.1 to [2001:db8::1]:80/UDP: no Service, sent as it is\n  no Service has it`,
  );
});

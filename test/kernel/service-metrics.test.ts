// Metrics of an agent that translates Services, under kube-proxy's names where they mean the same.

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { agentPlace, eventuallyPasses, get, startAgent } from '../support/agent-process.ts';
import { testCgroup } from '../support/bpf.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const manifest = (changedAt: string): string => `
apiVersion: v1
kind: Service
metadata: { namespace: shop, name: web }
spec: { clusterIP: 10.96.0.10, ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  namespace: shop
  name: web-a
  labels: { kubernetes.io/service-name: web }
  annotations: { endpoints.kubernetes.io/last-change-trigger-time: "${changedAt}" }
addressType: IPv4
ports: [{ port: 8080 }]
endpoints: [{ addresses: [10.201.2.7], nodeName: node-2, conditions: { ready: true } }]
`;

rootTest('settles, changes and answers are counted as kube-proxy counts them', async (context) => {
  const services = 'services: { mode: on, healthAddress: "127.0.0.1:10256" }\n';
  const place = agentPlace(context, `cgroupRoot: ${testCgroup(context)}\n${services}`);
  await startAgent(context, place);
  const metric = async (name: string): Promise<number> => {
    const { text } = await get(place, '/metrics');
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    assert.ok(line !== undefined, name);
    return Number(line.split(' ')[1]);
  };
  const rules = 'kubeproxy_sync_proxy_rules';
  assert.equal(await metric('heddle_services'), 0);
  assert.equal(await metric(`${rules}_service_changes_total`), 0);
  const began = Date.now() / 1000;
  const file = path.join(place.folder, 'cluster', 'web.yaml');
  writeFileSync(`${place.folder}/draft`, manifest(new Date().toISOString()));
  renameSync(`${place.folder}/draft`, file);
  await eventuallyPasses(async () => {
    assert.equal(await metric('heddle_services'), 1);
    assert.equal(await metric(`${rules}_service_changes_total`), 1);
    assert.equal(await metric(`${rules}_endpoint_changes_total`), 1);
  });
  assert.ok((await metric(`${rules}_duration_seconds_count`)) >= 2);
  assert.ok((await metric(`${rules}_last_timestamp_seconds`)) >= began);
  assert.ok((await metric(`${rules}_last_queued_timestamp_seconds`)) >= began);
  const programming = 'kubeproxy_network_programming_duration_seconds';
  assert.equal(await metric(`${programming}_count`), 1);
  assert.ok((await metric(`${programming}_sum`)) < 60);
  assert.equal(await metric('heddle_services_limited'), 0);
  assert.equal(await metric('heddle_table_entries_applied{table="service-frontends"}'), 2);
  assert.equal(await metric('heddle_table_entries_applied{table="service-slots"}'), 1);
  for (const url of ['healthz', 'healthz', 'livez'])
    runIn(place.namespace, 'curl', '-sf', `http://127.0.0.1:10256/${url}`);
  // The thread that answers tells its counts a little later.
  await eventuallyPasses(async () => {
    assert.equal(await metric('kubeproxy_proxy_healthz_total{code="200"}'), 2);
    assert.equal(await metric('kubeproxy_proxy_livez_total{code="200"}'), 1);
  });
  assert.equal(await metric('kubeproxy_proxy_healthz_total{code="503"}'), 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricSources } from './metric-list.ts';
import { Metrics } from './metrics.ts';

function sources(drops: { packets: number }): MetricSources {
  const count = { packets: 3, bytes: 300, droppedPackets: 0 };
  return {
    version: '1.2.3',
    node: 'node-1',
    endpoints: () => 2,
    problems: () => [
      { kind: 'node-fact', subject: 'forward-hooks', text: 't' },
      { kind: 'endpoint-recovered', subject: 'hd0123456789a', text: 't' },
      { kind: 'endpoint-recovered', subject: 'hd0123456789b', text: 't' },
    ],
    facts: () => [
      { id: 'forwarding', state: 'ok' },
      { id: 'forward-hooks', state: 'problem', text: 't' },
      { id: 'mtu', state: 'note', text: 't' },
      { id: 'routes', state: 'unknown', text: 't' },
    ],
    tables: () => [
      {
        name: 'routes',
        desired: 4,
        applied: 3,
        failures: [{ key: 'k', text: 't', retryAt: '2026-01-02T03:04:05Z' }],
        writes: { set: 5, deleted: 1, restored: 2 },
      },
    ],
    maps: () => [
      { name: 'flows', maxEntries: 100 },
      { name: 'addresses', entries: 7, maxEntries: 9 },
    ],
    drops: () => [{ reason: 'spoofed address', packets: drops.packets, bytes: 0 }],
    traffic: () => ({ ingress: count, egress: { ...count, packets: 4 } }),
    lostLogLines: () => 5,
    flowEvents: () => ({ received: 10, suppressed: 1, lost: 0 }),
    services: () => ({
      ...{ services: 7, limited: 1, serviceChanges: 8, endpointChanges: 9 },
      ...{ lastQueuedAt: 1000.5, lastSyncedAt: 1001.5 },
      ...{ healthz: { 200: 3, 503: 1 }, livez: { 200: 2, 503: 0 } },
    }),
  };
}

test('every counter is read at the scrape, under a stable name and labels', async () => {
  const drops = { packets: 12 };
  const metrics = new Metrics(sources(drops));
  metrics.settled('period', 0.004);
  metrics.servicesSynced({ seconds: 0.003, programmingSeconds: [0.4, 61] });
  metrics.cniRequest({ verb: 'ADD', code: 0, seconds: 0.003 });
  const text = await metrics.render();
  for (const line of [
    'heddle_build_info{version="1.2.3",node="node-1"} 1',
    'heddle_endpoints 2',
    'heddle_problems{kind="node-fact"} 1',
    'heddle_problems{kind="endpoint-recovered"} 2',
    'heddle_problems{kind="socket"} 0',
    'heddle_node_fact{fact="forwarding"} 1',
    'heddle_node_fact{fact="forward-hooks"} 0',
    'heddle_node_fact{fact="mtu"} 1',
    'heddle_drops_total{reason="spoofed address"} 12',
    'heddle_log_lines_lost_total 5',
    'heddle_pod_packets_total{direction="egress"} 4',
    'heddle_pod_bytes_total{direction="ingress"} 300',
    'heddle_flow_events_total{outcome="suppressed"} 1',
    'heddle_map_entries{map="addresses"} 7',
    'heddle_map_max_entries{map="flows"} 100',
    'heddle_table_entries_desired{table="routes"} 4',
    'heddle_table_entries_applied{table="routes"} 3',
    'heddle_table_entries_failed{table="routes"} 1',
    'heddle_table_sets_total{table="routes"} 5',
    'heddle_table_deletes_total{table="routes"} 1',
    'heddle_table_restored_total{table="routes"} 2',
    'heddle_services 7',
    'heddle_services_limited 1',
    'kubeproxy_sync_proxy_rules_service_changes_total 8',
    'kubeproxy_sync_proxy_rules_endpoint_changes_total 9',
    'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds 1000.5',
    'kubeproxy_sync_proxy_rules_last_timestamp_seconds 1001.5',
    'kubeproxy_proxy_healthz_total{code="503"} 1',
    'kubeproxy_proxy_livez_total{code="200"} 2',
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="0.004"} 1',
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="16.384"} 1',
    'kubeproxy_network_programming_duration_seconds_bucket{le="0.5"} 1',
    'kubeproxy_network_programming_duration_seconds_bucket{le="65"} 2',
    'heddle_settle_duration_seconds_bucket{le="0.005",cause="period"} 1',
    'heddle_cni_request_duration_seconds_count{verb="ADD",code="0"} 1',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} in\n${text}`);
  }
  assert.match(text, /^process_resident_memory_bytes \d+/m);
  assert.doesNotMatch(text, /heddle_map_entries\{map="flows"\}/, 'unknown is not zero');
  assert.doesNotMatch(text, /heddle_node_fact\{fact="routes"\}/, 'unknown is no value');
  drops.packets = 13;
  assert.match(await metrics.render(), /heddle_drops_total\{reason="spoofed address"\} 13/);
});

test('names follow the rules: prefix, help, counters end in _total', async () => {
  const text = await new Metrics(sources({ packets: 1 })).render();
  for (const [, name, kind] of text.matchAll(/^# TYPE (heddle_\S+) (\S+)$/gm)) {
    assert.equal(name?.endsWith('_total'), kind === 'counter', name);
    assert.match(text, new RegExp(`^# HELP ${name} .+\\.$`, 'm'));
  }
});

test('without Services of its own, an agent has none of their metrics', async () => {
  const { services: _, ...others } = sources({ packets: 1 });
  assert.doesNotMatch(await new Metrics(others).render(), /kubeproxy_|heddle_services/);
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Moment } from '../../base/moment.ts';
import { AnswerCounts } from './answer-counts.ts';
import { ProxyHealth } from './proxy-health.ts';
import { ServiceHealth } from './service-health.ts';

const at = (ms: number): Moment => ms as Moment;

async function serve(context: TestContext) {
  const state: { now: Moment; eligible: boolean; problem: string | undefined } = {
    now: at(0),
    eligible: true,
    problem: undefined,
  };
  const proxy = new ProxyHealth({ timeoutMs: 10_000, problem: () => state.problem });
  const counts = new AnswerCounts();
  const health = new ServiceHealth({
    counts,
    proxy,
    isNodeEligible: () => state.eligible,
    now: () => state.now,
  });
  const { address, close } = await health.listen('127.0.0.1:0');
  context.after(close);
  const ask = async (path: string) => {
    const answer = await fetch(`http://${address}${path}`);
    const body = (await answer.json()) as Record<string, unknown>;
    return { status: answer.status, headers: answer.headers, body };
  };
  const statuses = async () => [(await ask('/healthz')).status, (await ask('/livez')).status];
  return { state, proxy, counts, address, ask, statuses };
}

test('answers have the fields and headers of kube-proxy', async (context) => {
  const { state, proxy, ask } = await serve(context);
  proxy.updated(at(0), at(1_000));
  state.now = at(5_000);
  const { status, headers, body } = await ask('/healthz?verbose');
  assert.equal(status, 200);
  assert.equal(headers.get('content-type'), 'application/json');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  const { lastUpdated, currentTime } = body;
  assert.deepEqual(body, { lastUpdated, currentTime, nodeEligible: true, healthy: true });
  assert.match(String(currentTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(lastUpdated, currentTime, 'recent while healthy');
  const live = await ask('/livez');
  assert.deepEqual(Object.keys(live.body), ['lastUpdated', 'currentTime', 'healthy']);
});

test('a change that waits too long makes both answers 503 until it is written', async (context) => {
  const { state, proxy, ask, statuses } = await serve(context);
  proxy.queued(at(0));
  state.now = at(100_000);
  assert.deepEqual(await statuses(), [200, 200], 'not before the first write');
  proxy.updated(at(100_000), at(100_000));
  proxy.queued(at(100_000));
  state.now = at(109_999);
  assert.deepEqual(await statuses(), [200, 200]);
  state.now = at(110_000);
  assert.deepEqual(await statuses(), [503, 503]);
  const { lastUpdated, currentTime, ...rest } = (await ask('/livez')).body;
  assert.deepEqual(rest, { healthy: false, reason: 'a change of Services has waited for 10 s' });
  assert.equal(Date.parse(String(currentTime)) - Date.parse(String(lastUpdated)), 10_000);
  proxy.updated(at(110_000), at(110_001));
  assert.deepEqual(await statuses(), [200, 200]);
});

test('only /healthz looks at the node', async (context) => {
  const { state, ask, statuses } = await serve(context);
  state.eligible = false;
  assert.deepEqual(await statuses(), [503, 200]);
  const { currentTime, ...rest } = (await ask('/healthz')).body;
  assert.ok(currentTime);
  assert.deepEqual(rest, {
    lastUpdated: '0001-01-01T00:00:00Z',
    nodeEligible: false,
    healthy: true,
  });
});

test('a problem is the reason in both answers', async (context) => {
  const { state, ask, statuses } = await serve(context);
  state.problem = 'table services is full';
  assert.deepEqual(await statuses(), [503, 503]);
  assert.equal((await ask('/healthz')).body['reason'], 'table services is full');
});

test('answers are counted by path and code, and other paths are refused', async (context) => {
  const { state, counts, address, statuses } = await serve(context);
  await statuses();
  state.eligible = false;
  await statuses();
  await statuses();
  await fetch(`http://${address}/healthz`, { headers: { 'user-agent': 'heddle' } });
  for (const path of ['/', '/metrics', '/healthz/x']) {
    assert.equal((await fetch(`http://${address}${path}`)).status, 404, path);
  }
  assert.deepEqual(counts.all, { healthz: { 200: 1, 503: 2 }, livez: { 200: 3, 503: 0 } });
});

// Tests with an API server that misbehaves in one way after the other, on real sockets, and then recovers: meanwhile no
// known state is lost and the server is not flooded with requests, and afterwards the state is correct. All times are
// about a thirtieth of the real ones.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ApiTimes } from '../../src/cluster/kubernetes/client/api-times.ts';
import { KubeConfigCredentials } from '../../src/cluster/kubernetes/client/credentials.ts';
import { KubernetesSource } from '../../src/cluster/kubernetes/kubernetes-source.ts';
import type { ClusterSnapshot } from '../../src/cluster/state.ts';
import { FakeApiServer, type FakeExchange, type Misbehaviour } from './fake-api-server.ts';

export const nodes = '/api/v1/nodes';
const pods = '/api/v1/pods';

const times: ApiTimes = {
  connectMs: 1_000,
  answerMs: 1_000,
  silenceMs: 600,
  exchangeMs: 1_200,
  watchMs: 9_000,
  watchGraceMs: 1_000,
  watchSilenceMs: 1_500,
  halfEventMs: 900,
  settledMs: 150,
  doubtMs: 150,
  recheckMs: 1_000,
  recheckedMs: 20_000,
  relistMs: 60_000,
  longestRetryAfterMs: 1_200,
  unheardMs: 27_000,
  backoff: { firstMs: 15, maxMs: 450 },
};

export interface MisbehaviourCase {
  readonly title: string;
  readonly bad: Misbehaviour;
  /** Called after the misbehaviour has begun; by default it ends all watches. */
  readonly begin?: (server: FakeApiServer) => void;
  /** The text for the user meanwhile; undefined: none is required. */
  readonly says?: RegExp;
  /** The number of requests after which the misbehaviour ends, if there is no text. Default 3. */
  readonly enough?: number;
}

export const json = { 'content-type': 'application/json' };

/** Answers with this text, status and headers. */
export function body(text: string | Buffer, status = 200, headers: object = json): Misbehaviour {
  return ({ response }) => {
    response.writeHead(status, { ...headers });
    response.end(text);
  };
}

/** Lists misbehave; watches end with a version that is too old, so that a list follows. */
export function lists(bad: Misbehaviour): Misbehaviour {
  return (exchange) => {
    if (exchange.isWatch) gone(exchange);
    else bad(exchange);
  };
}

export function watches(bad: Misbehaviour): Misbehaviour {
  return (exchange) => (exchange.isWatch ? bad(exchange) : exchange.answer());
}

export const gone: Misbehaviour = body(
  JSON.stringify({ kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }),
  410,
);

export function refusedRequest(status: number, headers: object = {}, message = 'no'): Misbehaviour {
  const text = JSON.stringify({ kind: 'Status', code: status, reason: 'Some', message });
  return body(text, status, { ...json, ...headers });
}

export const drip =
  (bytes: string, everyMs: number): Misbehaviour =>
  ({ response }) => {
    response.writeHead(200, json).flushHeaders();
    const timer = setInterval(() => response.write(bytes), everyMs).unref();
    response.on('close', () => clearInterval(timer));
  };

export const ready = (response: FakeExchange['response']): void =>
  response.writeHead(200, json).flushHeaders();

/** Has no expectations of its own about the recovered server's messages. */
const wellAgain = (snapshot: ClusterSnapshot, server: FakeApiServer): boolean =>
  snapshot.problems.length === 0 &&
  [...snapshot.state.nodes.keys()].sort().join() === server.names(nodes).join() &&
  snapshot.state.pods.size === server.names(pods).length;

interface Followed {
  readonly source: KubernetesSource;
  readonly history: ClusterSnapshot[];
  until(condition: (snapshot: ClusterSnapshot) => boolean, what: string): Promise<void>;
}

function follow(context: TestContext, server: FakeApiServer): Followed {
  const credentials = new KubeConfigCredentials({ kubeconfig: server.kubeconfig, apiServers: [] });
  const source = new KubernetesSource({ credentials, node: 'node-1', times, snapshotPeriodMs: 1 });
  const stop = new AbortController();
  const history: ClusterSnapshot[] = [];
  let wake = (): void => undefined;
  const running = (async () => {
    for await (const snapshot of source.watch(stop.signal)) {
      history.push(snapshot);
      wake();
    }
  })();
  context.after(async () => {
    stop.abort();
    await running;
  });
  const until: Followed['until'] = async (condition, what) => {
    const overdue = AbortSignal.timeout(20_000);
    for (;;) {
      const last = history.at(-1);
      if (last !== undefined && condition(last)) return;
      if (overdue.aborted) {
        const texts = last?.problems.map(({ text }) => text).join('\n');
        assert.fail(
          `${what}: never; last ${[...(last?.state.nodes.keys() ?? [])]}: ${texts}\n${server.requests.slice(-20).join('\n')}`,
        );
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, 20);
      });
    }
  };
  return { source, history, until };
}

async function populated(context: TestContext): Promise<FakeApiServer> {
  const server = await FakeApiServer.start(context);
  for (let index = 1; index <= 8; index++)
    server.put(nodes, { metadata: { name: `node-${index}` } });
  for (const name of ['a', 'b', 'c']) server.put(pods, { metadata: { namespace: 'shop', name } });
  server.put('/api/v1/namespaces', { metadata: { name: 'shop' } });
  return server;
}

export async function misbehave(
  context: TestContext,
  { bad, begin, says, enough = 3 }: MisbehaviourCase,
): Promise<void> {
  const server = await populated(context);
  const { history, until } = follow(context, server);
  await until((snapshot) => snapshot.complete && wellAgain(snapshot, server), 'right at first');
  // A bookmark has arrived, as from every real server.
  await new Promise((resolve) => setTimeout(resolve, 150));
  const before = history.length;
  const requestsBefore = server.requests.length;
  const began = performance.now();
  server.misbehave(bad);
  if (begin === undefined) server.endWatches();
  else begin(server);
  await until(
    ({ problems }) =>
      says === undefined
        ? server.misbehaved >= enough
        : problems.some(({ text }) => says.test(text)),
    `it says ${says}`,
  );
  const elapsedMs = performance.now() - began;
  const asked = server.requests.length - requestsBefore;
  // Seven resources, each with a few quick attempts and then one per half of the longest pause at most.
  const most = 7 * (10 + (2 * elapsedMs) / (times.backoff.maxMs / 2));
  assert.ok(asked <= most, `${asked} requests in ${Math.round(elapsedMs)} ms`);
  for (const { state } of history.slice(before)) {
    assert.deepEqual(
      [...state.nodes.keys()].filter((name) => server.names(nodes).includes(name)).length,
      8,
    );
    assert.equal(state.pods.size, 3);
  }
  for (const text of history
    .slice(before)
    .flatMap(({ problems }) => problems.map(({ text }) => text)))
    assert.doesNotMatch(text, /s3cr3t|secret@|[\p{Cc}]/u);
  server.put(nodes, { metadata: { name: 'node-10' } });
  server.remove(nodes, 'node-3');
  server.remove(pods, 'b');
  server.misbehave(undefined);
  await until((snapshot) => wellAgain(snapshot, server), 'right again');
}

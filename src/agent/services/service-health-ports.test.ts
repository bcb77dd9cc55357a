// The thread with its ports, on a loopback address of its own.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { serviceOf } from '../../../test/support/service-objects.ts';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import { KeyedCollection } from '../../base/collections/collection.ts';
import { moment } from '../../base/moment.ts';
import type { CompiledService } from '../../model/services/compiled.ts';
import type { Port } from '../../net/port.ts';
import { ServiceHealthPorts } from './service-health-ports.ts';

let hosts = 0;

function start(context: TestContext, { timeoutMs = 60_000, hasAddress = true } = {}) {
  const host = `127.79.${process.pid % 256}.${++hosts}`;
  const stop = new AbortController();
  const ports = new ServiceHealthPorts({
    address: hasAddress ? `${host}:10256` : undefined,
    timeoutMs,
    host,
    onProblems: () => undefined,
    log: silentLogger,
  });
  const ended = ports.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await ended;
  };
  context.after(end);
  return { ports, host, end };
}

function compiled(name: string, port: number, localEndpoints: number): CompiledService {
  return {
    service: serviceOf(name),
    ports: [],
    healthCheck: { port: port as Port, localEndpoints },
  };
}

/** Undefined: nothing listens there. */
async function statusOf(host: string, port: number, path: string): Promise<number | undefined> {
  const url = `http://${host}:${port}${path}`;
  return (await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined))?.status;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 8_000; waitedMs += 10) {
    if (await condition()) return;
    await setTimeout(10);
  }
  assert.fail('still not');
}

function answers(host: string, port: number, path: string, status?: number): Promise<void> {
  return until(async () => (await statusOf(host, port, path)) === status);
}

test('the thread answers by what the agent reports, and counts its answers', async (context) => {
  const { ports, host } = start(context, { timeoutMs: 50 });
  const services = new KeyedCollection<string, CompiledService>();
  services.set('shop/web', compiled('web', 31000, 1));
  ports.follow(services);
  await answers(host, 10256, '/healthz', 200);
  await answers(host, 31000, '/', 200);
  ports.updated(moment());
  ports.queued();
  await answers(host, 10256, '/healthz', 503);
  await answers(host, 10256, '/livez', 503);
  await answers(host, 31000, '/', 503);
  ports.updated(moment());
  await answers(host, 10256, '/livez', 200);
  ports.setNode({ isEligible: false });
  await answers(host, 10256, '/healthz', 503);
  assert.equal(await statusOf(host, 10256, '/livez'), 200);
  assert.equal(await statusOf(host, 31000, '/'), 200, 'the Node object does not count');
  ports.setNode({ isEligible: true, problem: 'table services is full' });
  await answers(host, 10256, '/livez', 503);
  await answers(host, 31000, '/', 503);
  ports.setNode({ isEligible: true });
  await answers(host, 10256, '/healthz', 200);
  services.set('shop/web', compiled('web', 31000, 0));
  ports.follow(services);
  await answers(host, 31000, '/', 503);
  services.delete('shop/web');
  ports.follow(services);
  await answers(host, 31000, '/');
  const { healthz, livez } = ports.counts;
  for (const count of [healthz[200], healthz[503], livez[200], livez[503]]) assert.ok(count >= 1);
  const before = livez[200];
  for (let round = 0; round < 5; round++) await statusOf(host, 10256, '/livez');
  assert.equal(ports.counts.livez[200], before + 5);
  assert.deepEqual(ports.problems, []);
});

test('without an address, nothing runs until a Service has a health check port', async (context) => {
  const { ports, host } = start(context, { hasAddress: false });
  const services = new KeyedCollection<string, CompiledService>();
  services.set('shop/db', { service: serviceOf('db'), ports: [] });
  ports.follow(services);
  await setTimeout(50);
  assert.equal(await statusOf(host, 31000, '/'), undefined);
  services.set('shop/web', compiled('web', 31000, 1));
  ports.follow(services);
  await answers(host, 31000, '/', 200);
  assert.equal(await statusOf(host, 10256, '/healthz'), undefined);
});

test('an end before the first health check port starts no thread', async (context) => {
  const { end } = start(context, { hasAddress: false });
  await end();
});

test('ports that other processes use are problems until they are free', async (context) => {
  const { ports, host } = start(context, { hasAddress: false });
  const other = createServer();
  await once(other.listen(31000, host), 'listening');
  const services = new KeyedCollection<string, CompiledService>();
  services.set('shop/web', compiled('web', 31000, 1));
  ports.follow(services);
  await until(() => ports.problems.length === 1);
  assert.equal(ports.problems[0]?.subject, 'Service shop/web');
  other.close();
  await until(() => ports.problems.length === 0);
  await answers(host, 31000, '/', 200);
});

test('a thread that fails is replaced by one with the same state', async (context) => {
  const { ports, host } = start(context);
  const services = new KeyedCollection<string, CompiledService>();
  services.set('shop/web', compiled('web', 31000, 1));
  // A name that cannot be written as JSON: answering for it is a bug.
  const flawed = compiled('flawed', 31001, 1);
  const service = { ...flawed.service, name: 1n as unknown as string };
  services.set('shop/flawed', { ...flawed, service });
  ports.follow(services);
  ports.setNode({ isEligible: false });
  await answers(host, 10256, '/healthz', 503);
  await answers(host, 31000, '/', 200);
  const { healthz } = ports.counts;
  assert.equal(await statusOf(host, 31001, '/'), undefined);
  await until(() => ports.problems.length === 1);
  assert.match(
    ports.problems[0]?.text ?? '',
    /^health checks of Services: .*; load balancers take this node for unhealthy$/,
  );
  await until(() => ports.problems.length === 0);
  await answers(host, 31000, '/', 200);
  assert.equal(await statusOf(host, 10256, '/healthz'), 503);
  assert.equal(ports.counts.healthz[503], healthz[503] + 1);
});

test('an address in use is a problem that names its key', async (context) => {
  const address = '127.79.255.1';
  const other = createServer();
  await once(other.listen(10256, address), 'listening');
  context.after(() => other.close());
  const stop = new AbortController();
  const ports = new ServiceHealthPorts({
    address: `${address}:10256`,
    timeoutMs: 1_000,
    onProblems: () => stop.abort(),
    log: silentLogger,
  });
  await ports.run(stop.signal);
  assert.match(
    ports.problems.map(({ text }) => text).join(),
    /^services\.healthAddress: listen 127\.79\.255\.1:10256: EADDRINUSE .*; load balancers take this node for unhealthy$/,
  );
});

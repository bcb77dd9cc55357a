// On loopback addresses of its own, so that ports of other programs do not matter.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import type { Port } from '../../net/port.ts';
import { HealthCheckPorts, type HealthCheckPortsOptions } from './health-check-ports.ts';
import type { ServiceCheckChange } from './service-checks.ts';

let hosts = 0;

function portsOf(context: TestContext, others: Partial<HealthCheckPortsOptions> = {}) {
  const host = `127.77.${process.pid % 256}.${++hosts}`;
  const state = { isHealthy: true, reports: 0 };
  const ports = new HealthCheckPorts({
    isProxyHealthy: () => state.isHealthy,
    onProblems: () => void state.reports++,
    log: silentLogger,
    backoff: { firstMs: 20, maxMs: 40 },
    host,
    ...others,
  });
  context.after(() => ports.stop());
  return { ports, host, state };
}

function check(name: string, port: number, localEndpoints = 1): ServiceCheckChange {
  return [`shop/${name}`, { namespace: 'shop', name, port: port as Port, localEndpoints }];
}

const removed = (name: string): ServiceCheckChange => [`shop/${name}`, undefined];

async function ask(host: string, port: number, path = '/'): Promise<Response> {
  return await fetch(`http://${host}:${port}${path}`, { signal: AbortSignal.timeout(5_000) });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 10) {
    if (await condition()) return;
    await setTimeout(10);
  }
  assert.fail('still not');
}

/** The Service that answers; undefined: the port is closed. */
async function servedBy(host: string, port: number): Promise<string | undefined> {
  const answer = await ask(host, port).catch(() => undefined);
  const body = (await answer?.json()) as { service: { name: string } } | undefined;
  return body?.service.name;
}

const isServedBy = (host: string, port: number, name: string | undefined): Promise<void> =>
  until(async () => (await servedBy(host, port)) === name);

async function takePort(context: TestContext, host: string, port: number): Promise<() => void> {
  const server = createServer();
  await once(server.listen(port, host), 'listening');
  const free = (): void => void server.close();
  context.after(free);
  return free;
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

test('answers have the status, fields and headers of kube-proxy, on every path', async (context) => {
  const { ports, host, state } = portsOf(context);
  const cases = [
    { localEndpoints: 3, isHealthy: true, status: 200 },
    { localEndpoints: 0, isHealthy: true, status: 503 },
    { localEndpoints: 3, isHealthy: false, status: 503 },
    { localEndpoints: 0, isHealthy: false, status: 503 },
  ];
  for (const { localEndpoints, isHealthy, status } of cases) {
    state.isHealthy = isHealthy;
    ports.apply([check('web', 31000, localEndpoints)]);
    await isServedBy(host, 31000, 'web');
    for (const path of ['/', '/healthz', '/any?thing']) {
      const answer = await ask(host, 31000, path);
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(answer.headers.get('x-load-balancing-endpoint-weight'), String(localEndpoints));
      assert.deepEqual(await answer.json(), {
        service: { namespace: 'shop', name: 'web' },
        localEndpoints,
        serviceProxyHealthy: isHealthy,
      });
    }
  }
  assert.equal(state.reports, 0);
});

test('ports answer on both families by default', async (context) => {
  const free = createServer();
  await once(free.listen(0, '::'), 'listening');
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  const ports = new HealthCheckPorts({
    isProxyHealthy: () => true,
    onProblems: () => undefined,
    log: silentLogger,
  });
  context.after(() => ports.stop());
  ports.apply([check('web', port)]);
  await isServedBy('127.0.0.1', port, 'web');
  await isServedBy('[::1]', port, 'web');
});

test('ports open, move, change hands and close with their Services', async (context) => {
  const { ports, host, state } = portsOf(context);
  ports.apply([check('web', 31000), check('db', 31001)]);
  await isServedBy(host, 31000, 'web');
  await isServedBy(host, 31001, 'db');
  ports.apply([check('web', 31002)]);
  await isServedBy(host, 31002, 'web');
  await isServedBy(host, 31000, undefined);
  // Two Services exchange their ports.
  ports.apply([check('web', 31001), check('db', 31002)]);
  assert.equal(await servedBy(host, 31001), 'web');
  assert.equal(await servedBy(host, 31002), 'db');
  ports.apply([removed('web'), removed('db'), removed('unknown')]);
  await isServedBy(host, 31001, undefined);
  await isServedBy(host, 31002, undefined);
  assert.equal(state.reports, 0);
});

test('a port that is given up and claimed again at the same moment is no problem', async (context) => {
  const { ports, host, state } = portsOf(context);
  ports.apply([check('web', 31000)]);
  await isServedBy(host, 31000, 'web');
  for (let round = 0; round < 20; round++) {
    ports.apply([removed('web')]);
    ports.apply([check('web', 31000)]);
    if (round % 3 === 0) await setTimeout(1);
  }
  await isServedBy(host, 31000, 'web');
  ports.apply([removed('web')]);
  await isServedBy(host, 31000, undefined);
  assert.equal(state.reports, 0);
});

test('a port that another process uses is a problem of the Service until it is free', async (context) => {
  const { ports, host, state } = portsOf(context);
  const free = await takePort(context, host, 31000);
  ports.apply([check('web', 31000), check('db', 31001)]);
  await until(() => ports.problems.length === 1);
  assert.deepEqual(ports.problems, [
    {
      subject: 'Service shop/web',
      text: `health check port 31000: listen ${host}:31000: EADDRINUSE (another process uses it (\`ss -ltnp\` shows which)); load balancers take this node for unhealthy`,
    },
  ]);
  await isServedBy(host, 31001, 'db');
  free();
  await until(() => ports.problems.length === 0);
  await isServedBy(host, 31000, 'web');
  assert.equal(state.reports, 2);
});

test('the problem of a port ends with its Service, and moves with the port', async (context) => {
  const { ports, host } = portsOf(context);
  await takePort(context, host, 31000);
  ports.apply([check('web', 31000)]);
  await until(() => ports.problems.length === 1);
  ports.apply([removed('web'), check('other', 31000)]);
  assert.deepEqual(
    ports.problems.map(({ subject }) => subject),
    ['Service shop/other'],
  );
  ports.apply([check('other', 31001)]);
  assert.deepEqual(ports.problems, []);
  await isServedBy(host, 31001, 'other');
});

test('a second Service with the same port has a problem until the port is its own', async (context) => {
  const { ports, host, state } = portsOf(context);
  ports.apply([check('web', 31000), check('shadow', 31000)]);
  assert.deepEqual(ports.problems, [
    {
      subject: 'Service shop/shadow',
      text: 'health check port 31000: Service shop/web has it; load balancers take this node for unhealthy',
    },
  ]);
  await isServedBy(host, 31000, 'web');
  ports.apply([removed('web')]);
  assert.equal(await servedBy(host, 31000), 'shadow');
  assert.deepEqual(ports.problems, []);
  assert.equal(state.reports, 2);
});

test('more ports than the maximum are problems, and open when others close', async (context) => {
  const { ports, host } = portsOf(context, { maxPorts: 2 });
  ports.apply(['a', 'b', 'c', 'd'].map((name, index) => check(name, 31000 + index)));
  assert.deepEqual(ports.problems, [
    {
      subject: 'Service shop/c',
      text: 'health check port 31002: too many ports are open already (2); load balancers take this node for unhealthy',
    },
    {
      subject: 'Service shop/d',
      text: 'health check port 31003: too many ports are open already (2); load balancers take this node for unhealthy',
    },
  ]);
  await isServedBy(host, 31001, 'b');
  assert.equal(await servedBy(host, 31002), undefined);
  ports.apply([removed('a')]);
  await isServedBy(host, 31002, 'c');
  ports.apply([removed('d')]);
  assert.deepEqual(ports.problems, []);
});

test('a long list of problems is cut', async (context) => {
  const { ports } = portsOf(context, { maxPorts: 0 });
  ports.apply(Array.from({ length: 500 }, (_, index) => check(`s${index}`, 31000 + index)));
  assert.equal(ports.problems.length, 11);
  assert.deepEqual(ports.problems.at(-1), {
    text: '490 more Services have no health check port',
  });
});

test('a thousand Services cost a thousand descriptors, and clients a bounded number', async (context) => {
  const before = openFiles();
  const maxConnections = 20;
  const { ports, host } = portsOf(context, { maxConnections });
  const changes = Array.from({ length: 1_000 }, (_, index) => check(`s${index}`, 31000 + index));
  const began = performance.now();
  ports.apply(changes);
  await isServedBy(host, 31999, 's999');
  const tookMs = performance.now() - began;
  assert.ok(tookMs < 3_000, `${tookMs} ms`);
  const clients: Socket[] = [];
  for (let index = 0; index < 200; index++) {
    const socket = connect(31000 + index, host).on('error', () => undefined);
    context.after(() => socket.destroy());
    clients.push(socket);
    await once(socket, 'connect');
  }
  // Both ends of each connection are in this process, as well as some of the test's own.
  const ends = clients.filter(({ destroyed }) => !destroyed).length + maxConnections;
  const used = openFiles() - before;
  assert.ok(used >= 1_000 && used < 1_000 + ends + 40, `${used} descriptors, ${ends} ends`);
  assert.equal(await servedBy(host, 31500), 's500');
  for (const client of clients) client.destroy();
  ports.apply(changes.map(([key]) => [key, undefined]));
  await until(() => openFiles() < before + 40);
});

test('a slow client is closed in time and delays no one', async (context) => {
  const patienceMs = 150;
  const { ports, host } = portsOf(context, { patienceMs });
  ports.apply([check('web', 31000), check('db', 31001)]);
  await isServedBy(host, 31000, 'web');
  const socket = connect(31000, host);
  const began = performance.now();
  socket.on('error', () => undefined).write('GET / HTTP/1.1\r\n');
  const trickle = setInterval(() => socket.write('X: y\r\n'), 20);
  context.after(() => clearInterval(trickle));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  assert.equal(await servedBy(host, 31000), 'web');
  assert.equal(await servedBy(host, 31001), 'db');
  await closed;
  const tookMs = performance.now() - began;
  assert.ok(tookMs < 10 * patienceMs, `${tookMs} ms`);
});

test('a client whose port is given up before it asks is closed without an answer', async (context) => {
  const { ports, host } = portsOf(context);
  ports.apply([check('web', 31000)]);
  await isServedBy(host, 31000, 'web');
  const socket = connect(31000, host);
  await once(socket, 'connect');
  await setTimeout(20);
  ports.apply([removed('web')]);
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  assert.equal(text, '');
});

test('after the stop every port is closed and no attempt follows', async (context) => {
  const { ports, host } = portsOf(context);
  const free = await takePort(context, host, 31001);
  ports.apply([check('web', 31000), check('db', 31001)]);
  await until(() => ports.problems.length === 1);
  await ports.stop();
  ports.apply([check('late', 31002)]);
  free();
  await setTimeout(100);
  assert.equal(await servedBy(host, 31000), undefined);
  assert.equal(await servedBy(host, 31001), undefined);
  assert.equal(await servedBy(host, 31002), undefined);
});

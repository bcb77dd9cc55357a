import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import { KeptOpen, type Opened } from './kept-open.ts';

interface Fake extends Opened {
  breakWith(error: Error): void;
}

function fake(closed: string[], address: string): Fake {
  let breakWith: Fake['breakWith'] = () => undefined;
  const broken = new Promise<never>((_, reject) => {
    breakWith = reject;
  });
  broken.catch(() => undefined);
  return { address, broken, breakWith, close: () => void closed.push(address) };
}

test('a port in use is retried until it is free, and one that breaks is opened again', async () => {
  const stop = new AbortController();
  const closed: string[] = [];
  const problems: (string | undefined)[] = [];
  const attempts: (Fake | Error)[] = [
    new Error('listen 127.0.0.1:9656: EADDRINUSE'),
    new Error('listen 127.0.0.1:9656: EADDRINUSE'),
    fake(closed, 'first'),
    new Error('listen 127.0.0.1:9656: EACCES'),
    fake(closed, 'second'),
  ];
  const port = new KeptOpen({
    name: 'health.address',
    consequence: 'probes fail',
    log: silentLogger,
    backoff: { firstMs: 0, maxMs: 0 },
    onProblem: (problem) => problems.push(problem),
    open: async () => {
      const next = attempts.shift();
      if (next === undefined || next instanceof Error) throw next;
      // The first breaks some time after it was opened, the second stays open until the end.
      setImmediate(() => {
        if (next.address === 'first') next.breakWith(new Error('its thread has ended (1)'));
        else stop.abort();
      });
      return next;
    },
  });
  await port.run(stop.signal);
  assert.deepEqual(closed, ['first', 'second']);
  assert.deepEqual(problems, [
    'health.address: listen 127.0.0.1:9656: EADDRINUSE; probes fail',
    undefined,
    'health.address: its thread has ended (1); probes fail',
    'health.address: listen 127.0.0.1:9656: EACCES; probes fail',
    undefined,
  ]);
});

test('a stopping agent does not wait for the next attempt', async () => {
  const stop = new AbortController();
  const port = new KeptOpen({
    name: 'metrics.address',
    consequence: 'metrics cannot be read there',
    log: silentLogger,
    backoff: { firstMs: 3_600_000, maxMs: 3_600_000 },
    onProblem: () => stop.abort(),
    open: () => Promise.reject(new Error('listen [::]:9655: EADDRINUSE')),
  });
  await port.run(stop.signal);
  assert.ok(stop.signal.aborted);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { LineLimit, limitedLogger } from './line-limit.ts';
import { createLogger, type Logger } from './log.ts';
import type { Moment } from './moment.ts';

function limited(perSubject: number, inAll: number): { limit: LineLimit; clock: { ms: number } } {
  const clock = { ms: 1 };
  const now = (): Moment => clock.ms as Moment;
  return { limit: new LineLimit({ windowMs: 60_000, perSubject, inAll, now }), clock };
}

const admitted = (limit: LineLimit, subject: string, times: number): number =>
  Array.from({ length: times }, () => limit.admit(subject)).filter((isAdmitted) => isAdmitted)
    .length;

test('one subject gets its lines and leaves room for others', () => {
  const { limit } = limited(10, 100);
  assert.equal(admitted(limit, 'Pod shop/web-1', 1_000), 10);
  assert.equal(admitted(limit, 'Pod shop/web-2', 3), 3);
});

test('however many subjects there are, the number of lines is limited', () => {
  const { limit } = limited(10, 100);
  const lines = Array.from({ length: 5_000 }, (_, index) => admitted(limit, `Pod a/${index}`, 2));
  assert.equal(
    lines.reduce((sum, count) => sum + count, 0),
    100,
  );
});

test('suppressed lines are reported once as a number when the window ends', () => {
  const { limit, clock } = limited(10, 100);
  admitted(limit, 'Node node-1', 47);
  assert.deepEqual(limit.takeSummary(), []);
  clock.ms += 60_000;
  assert.deepEqual(limit.takeSummary(), ['Node node-1: 37 more in 60 s']);
  assert.deepEqual(limit.takeSummary(), []);
  assert.equal(admitted(limit, 'Node node-1', 20), 10);
});

test('the subjects with the most suppressed lines are named, the others counted together', () => {
  const { limit, clock } = limited(1, 10_000);
  for (let index = 1; index <= 2_000; index++) admitted(limit, `Pod a/${index}`, 2);
  admitted(limit, 'Pod a/7', 100);
  clock.ms += 60_000;
  const summary = limit.takeSummary();
  assert.equal(summary.length, 6);
  assert.equal(summary[0], 'Pod a/7: 101 more in 60 s');
  // Beyond a thousand, a subject is not counted on its own: both lines of each are omitted.
  assert.equal(summary.at(-1), 'others: 2995 more in 60 s');
});

test('a waiting line is counted once', () => {
  const { limit, clock } = limited(1, 100);
  admitted(limit, 'routes', 2);
  for (let times = 0; times < 10; times++) assert.equal(limit.admit('routes', false), false);
  clock.ms += 60_000;
  assert.equal(limit.admit('routes', false), true);
  assert.deepEqual(limit.takeSummary(), ['routes: 1 more in 60 s']);
});

function logger(windowMs = 60_000): { lines: string[]; log: Logger } {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line).msg);
  const options = { windowMs, perSubject: 3, inAll: 10 };
  return { lines, log: limitedLogger(createLogger({ level: 'debug', write }), options) };
}

test('a log limits lines of one message per pod and in total', () => {
  const { lines, log } = logger();
  for (let times = 0; times < 1_000; times++) log.warn({ pod: 'shop/web-1' }, 'CNI request failed');
  log.warn({ pod: 'shop/web-2' }, 'CNI request failed');
  log.error({}, 'settle');
  assert.deepEqual(lines, [...Array(4).fill('CNI request failed'), 'settle']);
});

test('a log with a new text in each line is limited, too', () => {
  const { lines, log } = logger();
  for (let index = 0; index < 10_000; index++) log.info({}, `forgot endpoint ${index}`);
  assert.ok(lines.length < 250, `${lines.length} lines`);
});

test('debug lines are not limited', () => {
  const { lines, log } = logger();
  for (let times = 0; times < 50; times++) log.debug({}, 'packet');
  assert.equal(lines.length, 50);
});

test('a log reports suppressed lines even if nothing else is written', async () => {
  const { lines, log } = logger(100);
  for (let times = 0; times < 40; times++) log.warn({ table: 'routes' }, 'restored');
  await setTimeout(300);
  assert.deepEqual(lines.slice(3), ['restored: routes: 37 more in 0.1 s']);
});

test('the number of suppressed lines has the level of those lines', async () => {
  const levels: unknown[] = [];
  const write = (line: string): void =>
    void levels.push((JSON.parse(line) as { level: unknown }).level);
  const log = limitedLogger(createLogger({ level: 'warn', write }), {
    ...{ windowMs: 20, perSubject: 1, inAll: 10 },
  });
  for (let times = 0; times < 5; times++) {
    log.info({}, 'settled');
    log.error({}, 'settle failed');
  }
  await setTimeout(60);
  assert.equal(
    levels.length,
    2,
    'one line, and the number of the others; nothing of what is not logged',
  );
  assert.equal(levels[0], levels[1]);
});

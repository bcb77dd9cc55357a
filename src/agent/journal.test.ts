import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../base/log.ts';
import { type Moment, moment } from '../base/moment.ts';
import type { SettleReport } from '../reconcile/status.ts';
import { Journal, type JournalProblem, type SettleEvent } from './journal.ts';

function journal(now: () => Moment = moment): { journal: Journal; messages: string[] } {
  const messages: string[] = [];
  const write = (line: string): void => void messages.push(JSON.parse(line).msg);
  return { journal: new Journal(createLogger({ level: 'info', write }), now), messages };
}

function event(report: Partial<SettleReport>, causes: SettleEvent['causes']): SettleEvent {
  const nothing: SettleReport = {
    writes: { set: 0, deleted: 0, restored: 0 },
    written: [],
    failures: [],
  };
  return { causes, report: { ...nothing, ...report }, began: moment(), durationMs: 1.23 };
}

test('a period or a cluster change without writes is not a change', () => {
  const { journal: subject, messages } = journal();
  subject.settled(event({}, ['period']));
  subject.settled(event({}, ['cluster']));
  assert.equal(subject.lastChange, undefined);
  assert.deepEqual(messages, []);
  subject.settled(event({ writes: { set: 2, deleted: 1, restored: 0 } }, ['cluster']));
  const { at = '', ...change } = subject.lastChange ?? {};
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 10_000);
  assert.deepEqual(change, { cause: 'cluster', durationMs: 1.2, writes: 3 });
  assert.deepEqual(messages, ['settled']);
});

test('a failure is logged once while it lasts, and again when it returns', () => {
  const { journal: subject, messages } = journal();
  const failures = [{ table: 'routes', key: 'k', text: 'route add: ENETUNREACH', retryAt: 0 }];
  subject.settled(event({ failures }, ['retry']));
  subject.settled(event({ failures }, ['retry']));
  assert.deepEqual(messages, ['routes: route add: ENETUNREACH']);
  subject.settled(event({}, ['retry']));
  subject.settled(event({ failures }, ['retry']));
  assert.equal(messages.length, 2);
  assert.deepEqual(
    subject.recentErrors.map(({ text }) => text),
    ['routes: route add: ENETUNREACH', 'routes: route add: ENETUNREACH'],
  );
});

test('setting the wall clock changes no age', (context) => {
  const { journal: subject } = journal();
  subject.error({ kind: 'internal', text: 'the first' });
  subject.settled(event({}, ['start']));
  const ages = () =>
    [...subject.recentErrors, subject.lastChange].map(
      (each) => Date.now() - Date.parse(each?.at ?? ''),
    );
  for (const jump of [86_400_000, -172_800_000]) {
    const wall = Date.now() + jump;
    context.mock.method(Date, 'now', () => wall);
    for (const age of ages()) assert.ok(age >= 0 && age < 10_000, `${age} ms`);
    context.mock.restoreAll();
  }
});

test('only the last errors are kept', () => {
  const { journal: subject } = journal();
  for (let index = 0; index < 30; index++)
    subject.error({ kind: 'internal', text: `error ${index}` });
  assert.equal(subject.recentErrors.length, 20);
  assert.equal(subject.recentErrors.at(-1)?.text, 'error 29');
});

test('a problem is logged when it appears', () => {
  const { journal: subject, messages } = journal();
  const file = { subject: 'a.yaml', text: 'a.yaml: broken' };
  const node = { subject: 'node-2', text: 'node-2: no address' };
  subject.problems([file, node]);
  subject.problems([node]);
  subject.problems([file]);
  assert.deepEqual(messages, ['a.yaml: broken', 'node-2: no address', 'a.yaml: broken']);
});

test('kept errors that last are marked, even if another error has the same text', () => {
  const { journal: subject } = journal();
  const file = { subject: 'a.yaml', text: 'a.yaml: broken' };
  const failures = [{ table: 'routes', key: 'k', text: 'route add: ENETUNREACH', retryAt: 0 }];
  subject.problems([file, { subject: 'b.yaml', text: 'b.yaml: broken' }]);
  subject.settled(event({ failures }, ['retry']));
  subject.error({ kind: 'cni', text: 'a.yaml: broken', from: 'waiting' });
  const kept = (): readonly object[] => subject.recentErrors.map(({ at: _, ...error }) => error);
  const cni = { kind: 'cni', text: 'a.yaml: broken', from: 'waiting' };
  assert.deepEqual(kept(), [
    { kind: 'problem', text: 'a.yaml: broken', isCurrent: true },
    { kind: 'problem', text: 'b.yaml: broken', isCurrent: true },
    { kind: 'table', text: 'routes: route add: ENETUNREACH', isCurrent: true },
    cni,
  ]);
  subject.problems([file]);
  subject.settled(event({}, ['retry']));
  assert.deepEqual(kept(), [
    { kind: 'problem', text: 'a.yaml: broken', isCurrent: true },
    { kind: 'problem', text: 'b.yaml: broken' },
    { kind: 'table', text: 'routes: route add: ENETUNREACH' },
    cni,
  ]);
});

test('a field that changes repeatedly fills neither the log nor the kept errors', () => {
  let ms = 1;
  const { journal: subject, messages } = journal(() => ms as Moment);
  const flaw = (length: number): JournalProblem => ({
    subject: 'Node node-3',
    text: `a.yaml, document ${length}: Node node-3: spec.podCIDRs[0]: 192.0.2.0/${length} is not a CIDR prefix`,
  });
  for (let length = 33; length < 1_033; length++) {
    subject.problems([flaw(length)]);
    subject.problems([]);
  }
  assert.equal(messages.length, 10);
  const text = 'Pod shop/web-1: status.podIP: none is not an IPv4 or IPv6 address';
  subject.problems([{ subject: 'Pod shop/web-1', text }]);
  assert.equal(messages.length, 11);
  assert.equal(subject.recentErrors.length, 11);
  ms += 60_000;
  subject.problems([]);
  assert.equal(messages.at(-1), 'Node node-3: 990 more in 60 s');
});

test('a lasting problem that arrived in a flood is logged when there is room', () => {
  let ms = 1;
  const { journal: subject, messages } = journal(() => ms as Moment);
  const texts = Array.from({ length: 12 }, (_, index) => `Node node-3: field ${index}: is wrong`);
  const problems = texts.map((text) => ({ subject: 'Node node-3', text }));
  for (let times = 0; times < 5; times++) subject.problems(problems);
  assert.deepEqual(messages, texts.slice(0, 10));
  ms += 60_000;
  subject.problems(problems);
  assert.deepEqual(messages.slice(10), ['Node node-3: 2 more in 60 s', ...texts.slice(10)]);
  ms += 60_000;
  subject.problems(problems);
  assert.equal(messages.length, 13);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Moment, moment } from '../../base/moment.ts';
import type { ReflectorState } from './resource-state.ts';
import { nextUnheard, sourceProblems } from './source-problems.ts';

const unheardMs = 900_000;
const ago = (ms: number): Moment => (moment() - ms) as Moment;

function resource(name: string, more: Partial<ReflectorState> = {}): ReflectorState {
  return { resource: name, objects: 1, watchedAt: moment(), watchRestarts: 0, relists: 0, ...more };
}

const failing = (
  text: string,
  request?: { readonly verb: 'list' | 'watch'; readonly detail: string },
): Partial<ReflectorState> => ({
  failing: { text, verb: 'list', ...request, since: moment() },
});
const failingRequest = (verb: 'list' | 'watch', of: string, detail: string) =>
  resource(of, failing(`${verb} ${of}: ${detail}`, { verb, detail }));

function texts(resources: readonly ReflectorState[], lost?: string): readonly string[] {
  const connection = lost === undefined ? {} : { failing: { text: lost, since: moment() } };
  return sourceProblems({ connection, resources, complete: true, stores: [], unheardMs }).map(
    ({ text }) => text,
  );
}

test('a failure shared by several resources is one sentence', () => {
  const no = '503 ServiceUnavailable: etcd';
  assert.deepEqual(
    texts([
      failingRequest('list', 'nodes', no),
      failingRequest('list', 'pods', no),
      failingRequest('watch', 'services', no),
      resource('namespaces', failing('token file: does not exist')),
    ]),
    [
      `API server: list nodes, pods: ${no}`,
      `API server: watch services: ${no}`,
      'API server: token file: does not exist',
    ],
  );
});

test('a lost connection explains all failures it causes', () => {
  const one = resource('nodes', { ...failing('x'), watchedAt: ago(2 * unheardMs) });
  assert.deepEqual(texts([one], 'connection refused'), ['API server: connection refused']);
});

test('a resource without data for a quarter of an hour is named, and not before', () => {
  const old = resource('pods', { watchedAt: ago(unheardMs + 1) });
  const fresh = resource('nodes', { watchedAt: ago(unheardMs - 60_000) });
  const began = resource('services', {
    watchedAt: undefined,
    reading: { since: ago(unheardMs + 1), objects: 0 },
  });
  assert.deepEqual(texts([old, fresh, began]), [
    'API server: nothing received about pods, services for 15 min',
  ]);
  const next = nextUnheard([old, fresh], unheardMs);
  assert.ok(next !== undefined && Math.abs(next - moment() - 60_000) < 5_000);
});

test('a doubtful list is named, with its consequence', () => {
  const doubt = { text: 'nodes: the list is empty, but there were 2 before', since: moment() };
  const [problem] = sourceProblems({
    connection: {},
    resources: [resource('nodes', { doubt })],
    complete: true,
    stores: [],
    unheardMs,
  });
  assert.equal(problem?.text, `API server: ${doubt.text}`);
  assert.match(problem?.consequence ?? '', /nothing is removed/);
});

test('an object that waits for the regular list is a problem, but not of the API server as a whole', () => {
  const postponed = { text: 'nodes: no list is requested', since: moment() };
  const [problem] = sourceProblems({
    connection: {},
    resources: [resource('nodes', { postponed })],
    complete: true,
    stores: [],
    unheardMs,
  });
  assert.equal(problem?.text, `API server: ${postponed.text}`);
  assert.match(problem?.consequence ?? '', /stay as they were/);
  assert.equal(problem?.isSource, undefined);
});

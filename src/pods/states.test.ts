import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { PodStates } from './states.ts';

function endpoint(hostIfName: string): LocalEndpoint {
  return { hostIfName } as LocalEndpoint;
}

test('a pod is in one state at a time', () => {
  const states = new PodStates();
  const one = endpoint('one');
  states.set('one', { kind: 'live', endpoint: one });
  assert.equal(states.liveOf('one'), one);
  assert.deepEqual([states.live.values(), states.problems()], [[one], []]);
  states.set('one', { kind: 'stale', problem: 'is missing' });
  assert.deepEqual([states.live.values(), states.problems()], [[], ['is missing']]);
  assert.equal(states.liveOf('one'), undefined);
  states.set('one', { kind: 'leaving', endpoint: one, problem: 'is missing' });
  assert.deepEqual([states.live.values(), states.problemOf('one')], [[], 'is missing']);
  states.delete('one');
  assert.deepEqual(
    [states.live.values(), states.problems(), states.get('one')],
    [[], [], undefined],
  );
});

test('the list of live endpoints stays the same while none is added or removed, and new ones are appended', () => {
  const states = new PodStates();
  for (const name of ['one', 'two']) states.set(name, { kind: 'live', endpoint: endpoint(name) });
  const before = states.live.values();
  states.set('three', { kind: 'stale', problem: 'is missing' });
  states.delete('three');
  assert.equal(states.live.values(), before);
  states.set('one', { kind: 'leaving', endpoint: endpoint('one') });
  assert.notEqual(states.live.values(), before);
  states.set('one', { kind: 'live', endpoint: endpoint('one') });
  assert.deepEqual(
    states.live.values().map(({ hostIfName }) => hostIfName),
    ['two', 'one'],
  );
});

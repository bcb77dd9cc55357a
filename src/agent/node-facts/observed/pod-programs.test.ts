import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sound } from '../../../../test/support/sound-node.ts';
import type { LocalEndpoint } from '../../../model/endpoint.ts';
import { podQueue } from '../../../model/pod-queue.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import type { ForeignProgram } from './observed-node.ts';
import { PodPrograms } from './pod-programs.ts';

const [first = assert.fail()] = sound.desired.endpoints.values();

function endpoints(count: number): readonly LocalEndpoint[] {
  return Array.from({ length: count }, (_, n) => ({ ...first, hostIfIndex: (n + 1) as IfIndex }));
}

interface Watched {
  readonly programs: PodPrograms;
  readonly foreign: Set<number>;
  /** Since the last call. */
  asked(): readonly string[];
}

function watched(): Watched {
  const foreign = new Set<number>();
  let asked: string[] = [];
  const programs = new PodPrograms((ifIndex, isNearEnd): readonly ForeignProgram[] => {
    asked.push(`${ifIndex}${isNearEnd ? ' near' : ''}`);
    return foreign.has(ifIndex) ? [{ ifIndex, hook: 'tcx ingress', what: 'program 5' }] : [];
  });
  return {
    programs,
    foreign,
    asked: () => {
      const all = asked;
      asked = [];
      return all;
    },
  };
}

test('if there are few interfaces, each check queries all of them, including both ends of queues', () => {
  const { programs, asked } = watched();
  const limited = { ...first, bandwidth: { egress: { bitsPerSecond: 1_000_000 } } };
  const queue = podQueue(limited);
  for (let look = 0; look < 2; look++) {
    programs.look([...endpoints(3), limited]);
    const ends = [`${queue?.ifIndex} near`, `${queue?.farIfIndex}`];
    assert.deepEqual(asked(), ['1', '2', '3', '7', ...ends]);
  }
});

test('of a thousand interfaces a thirtieth is queried per check, and all of them in thirty checks', () => {
  const { programs, asked } = watched();
  const pods = endpoints(1000);
  const seen = new Set<string>();
  for (let look = 0; look < 30; look++) {
    programs.look(pods);
    const all = asked();
    assert.ok(all.length <= 34, `${all.length}`);
    for (const each of all) seen.add(each);
  }
  assert.equal(seen.size, 1000);
});

test('an interface with a finding is queried in every check until the finding is gone', () => {
  const { programs, foreign, asked } = watched();
  const pods = endpoints(1000);
  foreign.add(3);
  assert.equal(programs.look(pods).length, 1);
  asked();
  assert.equal(programs.look(pods).length, 1);
  assert.deepEqual(asked().slice(0, 2), ['3', '35']);
  foreign.delete(3);
  assert.deepEqual(programs.look(pods), []);
  asked();
  programs.look(pods);
  assert.ok(!asked().includes('3'));
});

test('if every interface has a finding, only a few are queried again', () => {
  const { programs, foreign, asked } = watched();
  const pods = endpoints(1000);
  for (let ifIndex = 1; ifIndex <= 1000; ifIndex++) foreign.add(ifIndex);
  for (let look = 0; look < 30; look++) programs.look(pods);
  asked();
  assert.equal(programs.look(pods).length, 1000);
  assert.equal(asked().length, 42);
});

test('a finding is removed with its pod', () => {
  const { programs, foreign } = watched();
  foreign.add(2);
  assert.equal(programs.look(endpoints(2)).length, 1);
  assert.deepEqual(programs.look(endpoints(1)), []);
});

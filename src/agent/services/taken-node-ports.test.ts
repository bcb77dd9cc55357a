import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim } from '../../model/services/claims.ts';
import { nodePortKey } from '../../model/services/frontend.ts';
import type { Port } from '../../net/port.ts';
import { NodePortCare } from './node-port-care.ts';

function ownersOf(...claims: readonly (readonly [family: 4 | 6, port: number])[]) {
  const owners = new Map<string, Claim>();
  for (const [family, port] of claims) {
    const key = nodePortKey(family, port as Port, 'TCP');
    owners.set(key, { key, service: 'shop/web' });
  }
  return { owners: { get: (key: string) => owners.get(key) } as never };
}

/** Of an agent that reserves nothing. */
const options = {
  ...{ range: '30000-32767', periodMs: 1000, reserve: () => undefined },
  added: {
    remember: () => undefined,
    recall: () => undefined,
    forget: () => undefined,
    keep: () => undefined,
  },
};

test('a process that listens on a node port is named, at most once a period', () => {
  let port = 30_080;
  const care = new NodePortCare({
    ...options,
    listening: () => [
      { protocol: 'TCP', family: 6, port },
      { protocol: 'UDP', family: 4, port },
    ],
  });
  care.look(ownersOf([4, 30_080]), 0);
  assert.deepEqual(
    care.problems.map(({ text }) => text),
    [
      'node port 30080/TCP: a process of this node listens there (`ss -ltnp sport = :30080`); where node ports answer, clients reach Service shop/web instead',
    ],
  );
  assert.equal(care.problems[0]?.subject, 'Service shop/web');
  port = 9;
  care.look(ownersOf([4, 30_080]), 999);
  assert.equal(care.problems.length, 1);
  care.look(ownersOf([4, 30_080]), 1000);
  assert.deepEqual(care.problems, []);
});

test('a port of the other family is another port', () => {
  const care = new NodePortCare({
    ...options,
    listening: () => [{ protocol: 'TCP', family: 4, port: 30_080 }],
  });
  care.look(ownersOf([6, 30_080]), 0);
  assert.deepEqual(care.problems, []);
});

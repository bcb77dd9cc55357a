import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowLine, FlowRecord } from '../api/flows.ts';
import { FlowLog } from './flow-log.ts';

const now = (): number => Date.parse('2026-01-02T03:04:05Z');

function record(port: number): FlowRecord {
  return {
    kind: 'flow',
    time: '2026-01-02T03:04:05.000Z',
    verdict: 'allowed',
    from: { kind: 'world', address: '192.0.2.1', port },
    to: { kind: 'world', address: '198.51.100.1', port: 80 },
    protocol: 'tcp',
    direction: 'ingress',
  };
}

function ports(lines: readonly FlowLine[]): (number | string | undefined)[] {
  return lines.map((line) => (line.kind === 'flow' ? line.from.port : `${line.records} missed`));
}

test('the log keeps the newest lines up to its capacity, oldest first', () => {
  const log = new FlowLog({ capacity: 3, now });
  assert.deepEqual(ports(log.recent()), []);
  for (const port of [1, 2, 3, 4, 5]) log.append(record(port));
  assert.deepEqual(ports(log.recent()), [3, 4, 5]);
  assert.deepEqual(ports(log.recent(2)), [4, 5]);
  assert.deepEqual(ports(log.recent(0)), []);
});

test('a follower gets every line since its call and ends with its signal', async () => {
  const log = new FlowLog({ now });
  log.append(record(1));
  const stop = new AbortController();
  const following = log.follow(stop.signal);
  log.append(record(2));
  const seen: FlowLine[] = [];
  for await (const line of following) {
    seen.push(line);
    if (seen.length === 1) setImmediate(() => log.append(record(3)));
    if (seen.length === 2) stop.abort();
  }
  assert.deepEqual(ports(seen), [2, 3]);
});

test('a slow follower loses lines, is told how many, and delays no one', async () => {
  const log = new FlowLog({ queue: 2, now });
  const stop = new AbortController();
  const following = log.follow(stop.signal)[Symbol.asyncIterator]();
  for (const port of [1, 2, 3, 4, 5]) log.append(record(port));
  const lines: FlowLine[] = [];
  for (let index = 0; index < 3; index++) {
    const { value } = await following.next();
    lines.push(value as FlowLine);
  }
  assert.deepEqual(ports(lines), [1, 2, '3 missed']);
  log.append(record(6));
  assert.deepEqual(ports([(await following.next()).value as FlowLine]), [6]);
  stop.abort();
  assert.equal((await following.next()).done, true);
});

test('a gap reported by the data path is among the lines', () => {
  const log = new FlowLog({ now });
  log.appendGap('suppressed', 7);
  assert.deepEqual(log.recent(), [
    { kind: 'gap', time: '2026-01-02T03:04:05.000Z', cause: 'suppressed', records: 7 },
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from './log.ts';

function lines(level: string): {
  out: Record<string, unknown>[];
  log: ReturnType<typeof createLogger>;
} {
  const out: Record<string, unknown>[] = [];
  const write = (line: string): void => void out.push(JSON.parse(line));
  return { out, log: createLogger({ level, fields: { node: 'node-1' }, write }) };
}

test('a line has level, time, the common fields, its own and the sentence', () => {
  const { out, log } = lines('info');
  log.info({ table: 'routes', restored: 2 }, 'restored');
  const { time, ...rest } = out[0] ?? {};
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(rest, {
    level: 'info',
    node: 'node-1',
    table: 'routes',
    restored: 2,
    msg: 'restored',
  });
});

test('lines below the level are not written', () => {
  const { out, log } = lines('warn');
  log.info({}, 'no');
  log.warn({}, 'yes');
  assert.deepEqual(
    out.map((line) => line['msg']),
    ['yes'],
  );
});

test('an error keeps its message and stack', () => {
  const { out, log } = lines('info');
  log.error({ error: new TypeError('broken') }, 'settle');
  const error = out[0]?.['error'] as Record<string, unknown>;
  assert.equal(error['type'], 'TypeError');
  assert.equal(error['message'], 'broken');
  assert.match(String(error['stack']), /log\.test/);
});

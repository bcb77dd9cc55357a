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

test('a line has level, time, the common fields, its own fields and the sentence', () => {
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

test('text from outside is escaped and bounded in every line', () => {
  const raw: string[] = [];
  const log = createLogger({ level: 'info', write: (line) => void raw.push(line) });
  log.warn({ name: '\x9b2J\u202e', deep: { list: ['\x7f'] } }, '\x1b]0;pwned\x07\x85');
  log.error({ error: new Error('\x9b'.repeat(100_000)) }, 'A'.repeat(100_000));
  for (const line of raw) {
    assert.doesNotMatch(line.trimEnd(), /[\p{Cc}\p{Cf}\p{Zl}]/u);
    assert.ok(line.length < 150_000, String(line.length));
  }
  const { name, deep, msg } = JSON.parse(raw[0] ?? '');
  assert.deepEqual([name, deep, msg], ['\x9b2J\u202e', { list: ['\x7f'] }, '\x1b]0;pwned\x07\x85']);
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

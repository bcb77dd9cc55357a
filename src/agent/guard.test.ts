import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Guard } from './guard.ts';

test('an error is logged and journaled once while it lasts, and again when it returns or changes', () => {
  const [logged, journaled]: [string[], string[]] = [[], []];
  const guard = new Guard({
    log: { error: (_, text) => void logged.push(text) },
    journal: { error: ({ kind, text }) => void journaled.push(`${kind} ${text}`) },
  });
  const fail = (text: string) => () => {
    throw new TypeError(text);
  };
  const ok = (): void => undefined;
  for (const body of [fail('a'), fail('a'), ok, fail('a'), fail('b')]) guard.run('names', body);
  guard.run('facts', fail('b'));
  assert.deepEqual(journaled, [
    'internal names: a',
    'internal names: a',
    'internal names: b',
    'internal facts: b',
  ]);
  assert.deepEqual(logged.slice(-2), ['names: failed', 'facts: failed']);
});

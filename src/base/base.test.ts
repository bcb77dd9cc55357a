import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from './backoff.ts';
import { InputError } from './input-error.ts';
import { UndoStack } from './undo.ts';

test('the delay doubles up to its limit, between half and all of each step', () => {
  const waits = (random: number): number[] =>
    [1, 2, 3, 4, 9].map((attempt) =>
      backoffMs(attempt, { firstMs: 100, maxMs: 500, random: () => random }),
    );
  assert.deepEqual(waits(0), [50, 100, 200, 250, 250]);
  assert.deepEqual(waits(1), [100, 200, 400, 500, 500]);
});

test('without keep(), steps are undone in reverse order', () => {
  const undone: string[] = [];
  {
    using undo = new UndoStack();
    undo.push(() => undone.push('first'));
    undo.push(() => undone.push('second'));
  }
  assert.deepEqual(undone, ['second', 'first']);
});

test('with keep(), everything stays', () => {
  const undone: string[] = [];
  {
    using undo = new UndoStack();
    undo.push(() => undone.push('first'));
    undo.keep();
  }
  assert.deepEqual(undone, []);
});

test('a failing undo does not keep the others from running', () => {
  const undone: string[] = [];
  const undo = new UndoStack();
  undo.push(() => undone.push('first'));
  undo.push(() => {
    throw new Error('second refuses');
  });
  undo.push(() => undone.push('third'));
  assert.throws(() => undo[Symbol.dispose](), { message: 'second refuses' });
  assert.deepEqual(undone, ['third', 'first']);
});

test('several failing undos are thrown together', () => {
  const undo = new UndoStack();
  for (const name of ['a', 'b'])
    undo.push(() => {
      throw new Error(name);
    });
  assert.throws(() => undo[Symbol.dispose](), { message: '2 steps could not be undone' });
});

test('an InputError names object, field, value and rule, as far as they are given', () => {
  const cases: [ConstructorParameters<typeof InputError>[0], string][] = [
    [
      { object: 'agent.yaml', field: 'mode', value: 'x', rule: 'is not a mode' },
      'agent.yaml: mode: x is not a mode',
    ],
    [{ object: 'agent.yaml', field: 'node', rule: 'is required' }, 'agent.yaml: node: is required'],
    [{ object: 'agent.yaml', rule: 'is empty' }, 'agent.yaml: is empty'],
    [{ object: 'x', value: { a: 1 }, rule: 'is no list' }, 'x: {"a":1} is no list'],
  ];
  for (const [problem, text] of cases) assert.equal(new InputError(problem).message, text);
});

test('a long value is shortened in the text', () => {
  const { message } = new InputError({ object: 'x', value: 'y'.repeat(500), rule: 'is too long' });
  assert.equal(message, `x: ${'y'.repeat(200)}... is too long`);
});

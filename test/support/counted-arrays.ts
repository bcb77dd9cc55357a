// Counts how much of arrays is copied and searched while a function runs: shows a quadratic step without measuring
// time.

import assert from 'node:assert/strict';

const methods = [
  'concat',
  'slice',
  'includes',
  'indexOf',
  'filter',
  'map',
  'find',
  'some',
] as const;
const counted: readonly PropertyKey[] = [...methods, Symbol.iterator];

/** Number of array elements that `body` copies or visits; fails at once beyond `most`. */
export function elementsTouched(body: () => void, most: number): number {
  const prototype = Array.prototype as unknown as Record<PropertyKey, unknown>;
  const originals = counted.map((name) => [name, prototype[name]] as const);
  let touched = 0;
  let isOver = false;
  const restore = (): void => {
    // Not by an iterator, which would be counted.
    for (let at = 0; at < originals.length; at++) {
      const [name, original] = originals[at] ?? assert.fail();
      define(prototype, name, original);
    }
  };
  for (const [name, original] of originals) {
    const count = function (this: readonly unknown[], ...args: unknown[]): unknown {
      touched += this.length;
      if (touched > most && !isOver) {
        isOver = true;
        assert.fail(`more than ${most} elements of arrays are touched (${String(name)})`);
      }
      return Reflect.apply(original as (...all: unknown[]) => unknown, this, args);
    };
    define(prototype, name, count);
  }
  try {
    body();
  } finally {
    restore();
  }
  return touched;
}

function define(target: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

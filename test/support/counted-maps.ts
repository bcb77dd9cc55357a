// Counts the operations on maps and sets in a piece of code: look-ups, writes, and visited entries. Shows the cost of a
// change without measuring time.

const operations = ['get', 'has', 'set', 'add', 'delete'] as const;
const walks = ['keys', 'values', 'entries', Symbol.iterator] as const;

export function mapOperations(body: () => void): number {
  let count = 0;
  const restores = [Map.prototype, Set.prototype].flatMap((prototype) => {
    const methods = prototype as unknown as Record<PropertyKey, unknown>;
    const single = operations.map((name) =>
      replace(methods, name, (original, target, args) => {
        count++;
        return Reflect.apply(original, target, args);
      }),
    );
    const several = walks.map((name) =>
      replace(methods, name, (original, target, args) =>
        counting(Reflect.apply(original, target, args) as Iterator<unknown>, () => count++),
      ),
    );
    return [...single, ...several];
  });
  try {
    body();
  } finally {
    // Some methods are one function with two names: the first one replaced must be restored last.
    for (let at = restores.length - 1; at >= 0; at--) restores[at]?.();
  }
  return count;
}

type Method = (...args: unknown[]) => unknown;

function replace(
  methods: Record<PropertyKey, unknown>,
  name: PropertyKey,
  call: (original: Method, target: unknown, args: unknown[]) => unknown,
): () => void {
  const original = methods[name] as Method | undefined;
  if (original === undefined) return () => undefined;
  const define = (value: unknown): void => {
    Object.defineProperty(methods, name, { value, writable: true, configurable: true });
  };
  define(function counted(this: unknown, ...args: unknown[]): unknown {
    return call(original, this, args);
  });
  return () => define(original);
}

function counting(iterator: Iterator<unknown>, onStep: () => void): IterableIterator<unknown> {
  return {
    next: () => {
      onStep();
      return iterator.next();
    },
    [Symbol.iterator]() {
      return this;
    },
  };
}

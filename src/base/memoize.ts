// Caches a pure function's result by the identity of its argument, for as long as that argument lives. Curried
// functions of several immutable values nest: memoize((a) => memoize((b) => ...)).

export function memoize<Argument extends object, Result>(
  compute: (argument: Argument) => Result,
): (argument: Argument) => Result {
  const results = new WeakMap<Argument, { readonly result: Result }>();
  return (argument) => {
    const known = results.get(argument);
    if (known !== undefined) return known.result;
    const result = compute(argument);
    results.set(argument, { result });
    return result;
  };
}

/**
 * Remembers the last call alone: for arguments of which some are not objects. That is state, which belongs to an object with
 * an owner: no module has such a function of its own.
 */
export function memoizeLast<Arguments extends readonly unknown[], Result>(
  compute: (...args: Arguments) => Result,
): (...args: Arguments) => Result {
  let last: { readonly args: Arguments; readonly result: Result } | undefined;
  return (...args) => {
    const isSame = last?.args.every((argument, index) => argument === args[index]);
    if (last !== undefined && isSame) return last.result;
    const result = compute(...args);
    last = { args, result };
    return result;
  };
}

// Remembers a pure function's result by the identity of its argument, for as long as that argument lives. Curried
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

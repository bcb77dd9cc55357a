// Closes a switch over a union: the compiler proves that no case is missing; the throw catches values that do not match
// their type.

export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

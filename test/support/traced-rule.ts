// One nftables rule as text, read into matches and statements: as much of nft's language as this program writes.

export interface Match {
  readonly kind: 'match';
  /** Joined by `.`. */
  readonly selectors: readonly string[];
  readonly mask?: number;
  readonly isNegated: boolean;
  /** Also greater numbers than `value`. */
  readonly isLeast?: true;
  /** `@set`, a list in braces or with commas, or one value. */
  readonly value: string;
}

export interface Statement {
  readonly kind: 'statement';
  readonly name: string;
  readonly words: readonly string[];
}

export type Part = Match | Statement;

/** `text`: without a comment. */
export function parseRule(text: string): readonly Part[] {
  const tokens = text.match(/"[^"]*"|\{[^}]*\}|\S+/g) ?? [];
  const parts: Part[] = [];
  for (let rest: readonly string[] = tokens; rest.length > 0; ) {
    const [part, length] = parseStatement(rest) ?? parseMatch(rest);
    parts.push(part);
    rest = rest.slice(length);
  }
  return parts;
}

/** Names that rules use as masks. */
const flags: Readonly<Record<string, number>> = { syn: 2, rst: 4 };

type Parsed = readonly [part: Part, length: number];

/** By their first words: how many words belong to them. */
const statements: readonly (readonly [words: string, length: number])[] = [
  ['counter name', 3],
  ['meta mark set', 4],
  ['meta priority set', 4],
  ['jump', 2],
  ['masquerade to', 3],
  ['masquerade', 1],
  ['fully-random', 1],
  ['snat', 4],
  ['notrack', 1],
  ['accept', 1],
  ['drop', 1],
  ['return', 1],
];

function parseStatement(tokens: readonly string[]): Parsed | undefined {
  // The address and port that a map leads to: up to the map's name.
  if (tokens[0] === 'dnat') {
    const length = tokens.findIndex((token) => token.startsWith('@')) + 1;
    return [{ kind: 'statement', name: 'dnat', words: tokens.slice(0, length) }, length];
  }
  for (const [name, length] of statements) {
    if (!`${tokens.join(' ')} `.startsWith(`${name} `)) continue;
    return [{ kind: 'statement', name, words: tokens.slice(0, length) }, length];
  }
  return undefined;
}

function parseMatch(tokens: readonly string[]): Parsed {
  const [selectors, begun] = parseSelectors(tokens);
  let at = begun;
  let mask: number | undefined;
  if (tokens[at] === '&') {
    mask = flags[tokens[at + 1] ?? ''] ?? Number(tokens[at + 1]);
    at += 2;
  }
  const isNegated = tokens[at] === '!=';
  const isLeast = tokens[at] === '>=';
  if (isNegated || isLeast || tokens[at] === '==') at++;
  const value = tokens[at];
  if (value === undefined) throw new Error(`a match without a value: ${tokens.join(' ')}`);
  const least = isLeast ? ({ isLeast } as const) : {};
  const match = { kind: 'match', selectors, isNegated, ...least, value } as const;
  return [mask === undefined ? match : { ...match, mask }, at + 1];
}

/** Those of a concatenation, and how many words they take. */
export function parseSelectors(
  tokens: readonly string[],
): readonly [selectors: readonly string[], length: number] {
  const selectors: string[] = [];
  let at = 0;
  do {
    if (selectors.length > 0) at++;
    const length = selectorLength(tokens[at] ?? '', tokens[at + 1]);
    selectors.push(tokens.slice(at, at + length).join(' '));
    at += length;
  } while (tokens[at] === '.');
  return [selectors, at];
}

function selectorLength(first: string, second: string | undefined): number {
  if (first === 'iifname' || first === 'oifname' || first.startsWith('@')) return 1;
  // `ct original ip saddr`
  if (first === 'ct' && (second === 'original' || second === 'reply')) return 4;
  return first === 'fib' ? 3 : 2;
}

// Invalid input from outside (configuration, manifests, CNI requests). The text tells its author what to correct.

import { isPrintable, printable, printableJson } from './printable.ts';

export interface InputProblem {
  /**
   * The object with the field, as its author knows it: `agent.yaml`, `NetworkPolicy shop/db-only-web`, `CNI
   * configuration`.
   */
  readonly object: string;
  /** Path inside the object, such as `spec.podCIDRs[0]`; absent if the object as a whole is wrong. */
  readonly field?: string | undefined;
  /** The value as written. */
  readonly value?: unknown;
  /** The rule that the value breaks: `is not a port (1-65535)`. */
  readonly rule: string;
}

export class InputError extends Error {
  readonly problem: InputProblem;

  constructor(problem: InputProblem, options?: ErrorOptions) {
    super(describe(problem), options);
    this.name = 'InputError';
    this.problem = problem;
  }
}

function describe({ object, field, value, rule }: InputProblem): string {
  const where =
    field === undefined ? shortened(object) : `${shortened(object)}: ${shortened(field)}`;
  const told = printable(rule);
  return value === undefined ? `${where}: ${told}` : `${where}: ${show(value)} ${told}`;
}

function show(value: unknown): string {
  // Quote only text that would be misleading without quotes.
  const isPlain = typeof value === 'string' && value !== '' && isPrintable(value);
  const written = isPlain ? value : printableJson(jsonOf(value));
  const text = written.slice(0, 4_000).replaceAll(/[^\s"']+/g, withoutUser);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

// Removes a user and a password from a URL, up to the last `@`: a password may contain others.
function withoutUser(word: string): string {
  const end = word.lastIndexOf('@');
  const start = end === -1 ? -1 : word.search(/[a-z0-9+.-]:\/\//i);
  if (start === -1) return word;
  const user = start + 'x://'.length;
  return end < user ? word : `${word.slice(0, user)}<removed>${word.slice(end)}`;
}

// JSON has no form for functions and symbols, for a value that contains itself (a YAML alias), or for one nested too
// deeply.
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value that contains itself or is nested too deeply';
  }
}

function shortened(text: string): string {
  return printable(text, 300);
}

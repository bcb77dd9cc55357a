// Bad input from outside (configuration, manifests, CNI requests): says what is wrong so that its author can mend it.

import { isPrintable, printable, printableJson } from './printable.ts';

export interface InputProblem {
  /** What holds the field, as its author knows it: `agent.yaml`, `NetworkPolicy shop/db-only-web`, `CNI configuration`. */
  readonly object: string;
  /** The path inside the object, `spec.podCIDRs[0]`; absent when the object as a whole is wrong. */
  readonly field?: string | undefined;
  /** The value as it was written. */
  readonly value?: unknown;
  /** The rule it breaks: `is not a port (1-65535)`. */
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
  // Quotes only where the text alone would mislead.
  const isPlain = typeof value === 'string' && value !== '' && isPrintable(value);
  const written = isPlain ? value : printableJson(jsonOf(value));
  // A user and a password in an address.
  const text = written
    .slice(0, 4_000)
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s"']*@/gi, '$1<removed>@');
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

// JSON has none for functions and symbols, for what holds itself (an alias in YAML), nor for what is too deep.
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value that holds itself or is too deep';
  }
}

function shortened(text: string): string {
  return printable(text, 300);
}

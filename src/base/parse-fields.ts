// Parses input from outside by a zod schema. Violations are reported as rules: `is not a list`, `is required`.

import type { z } from 'zod';
import { InputError } from './input-error.ts';

/**
 * Returns the value by `schema`. Throws InputError for the first field that breaks a rule.
 * @param object name that its author knows: `demo/pods.yaml, document 2: Pod shop/web-1`, `network configuration`
 */
export function parseFields<T>(schema: z.ZodType<T>, value: unknown, object: string): T {
  const result = schema.safeParse(value, { reportInput: true, error: ruleOf });
  if (result.success) return result.data;
  const first = result.error.issues[0];
  throw new InputError({
    object,
    field: first === undefined ? undefined : fieldPath(first.path) || undefined,
    value: first?.input,
    rule: first?.message ?? 'is not valid',
  });
}

function ruleOf(raw: z.core.$ZodRawIssue): string | undefined {
  if (raw.message !== undefined) return raw.message;
  const isTold = raw.code === 'invalid_type' || raw.code === 'invalid_value';
  if (isTold && raw.input === undefined) return 'is required';
  if (raw.code === 'invalid_type') return `is not ${article(raw.expected)}`;
  if (raw.code === 'invalid_value') return `is not one of ${raw.values.join(', ')}`;
  return undefined;
}

function article(expected: string): string {
  const known: Record<string, string> = {
    record: 'a map',
    object: 'a map',
    array: 'a list',
    int: 'a whole number',
  };
  return known[expected] ?? `a ${expected}`;
}

function fieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const key = String(part);
    if (!/^\w+$/.test(key)) return `${text}["${key}"]`;
    return text === '' ? key : `${text}.${key}`;
  }, '');
}

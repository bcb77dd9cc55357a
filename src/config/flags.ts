// The configuration on the command line: each key of the schema as a flag with a help line, and flags converted back
// into keys.

import { z } from 'zod';
import { InputError } from '../base/input-error.ts';
import { configSchema } from './schema.ts';

/** One configuration key as a flag. */
export interface ConfigFlag {
  /** `vxlan-port` */
  readonly name: string;
  /** `vxlan.port` */
  readonly key: string;
  /** Placeholder after the flag: `NUMBER`, `native|vxlan`. */
  readonly argument: string;
  readonly description: string;
  /** The default as the user would write it; absent if the key is required or has no default. */
  readonly default?: string;
}

/** All keys, in the order of the schema. */
export function configFlags(): readonly ConfigFlag[] {
  return leaves(jsonSchema(), '').map(({ key, leaf }) => ({
    name: flagName(key),
    key,
    argument: argumentOf(leaf),
    description: leaf.description ?? '',
    ...(leaf.default === undefined ? {} : { default: showDefault(leaf.default) }),
  }));
}

/**
 * Converts flags, which are text, into numbers, booleans and lists according to their keys' schemas. A value that does
 * not fit stays text and fails in validation.
 */
export function flagsToKeys(flags: Readonly<Record<string, string>>): Record<string, unknown> {
  const byFlag = new Map(leaves(jsonSchema(), '').map((leaf) => [flagName(leaf.key), leaf]));
  const result: Record<string, unknown> = {};
  for (const [flag, text] of Object.entries(flags)) {
    const found = byFlag.get(flag);
    if (found === undefined) {
      throw new InputError({
        object: 'command line',
        field: `--${flag}`,
        value: text,
        rule: 'is not a known flag',
      });
    }
    setKey(result, found.key.split('.'), flagValue(found.leaf, text));
  }
  return result;
}

function setKey(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) {
    into[first] = value;
    return;
  }
  const below = { ...(into[first] as Record<string, unknown> | undefined) };
  setKey(below, rest, value);
  into[first] = below;
}

function flagValue(leaf: JsonLeaf, text: string): unknown {
  const types = (leaf.anyOf ?? [leaf]).map((option) => option.type);
  if (types.some((type) => type === 'number' || type === 'integer') && /^\d+$/.test(text)) {
    return Number(text);
  }
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.includes('array') && text !== 'auto') return text === '' ? [] : text.split(',');
  return text;
}

interface JsonLeaf {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly anyOf?: readonly JsonLeaf[];
  readonly properties?: Readonly<Record<string, JsonLeaf>>;
}

function jsonSchema(): JsonLeaf {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonLeaf;
}

function leaves(node: JsonLeaf, prefixText: string): { key: string; leaf: JsonLeaf }[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, leaf]) =>
    leaf.properties === undefined
      ? [{ key: `${prefixText}${key}`, leaf }]
      : leaves(leaf, `${prefixText}${key}.`),
  );
}

function flagName(key: string): string {
  return key.replaceAll('.', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function argumentOf(leaf: JsonLeaf): string {
  if (leaf.enum !== undefined) return leaf.enum.join('|');
  if (leaf.const !== undefined) return leaf.const;
  if (leaf.anyOf !== undefined) return leaf.anyOf.map(argumentOf).join('|');
  if (leaf.type === 'number' || leaf.type === 'integer') return 'NUMBER';
  if (leaf.type === 'boolean') return 'true|false';
  return leaf.type === 'array' ? 'A,B,...' : 'TEXT';
}

function showDefault(value: unknown): string {
  return Array.isArray(value) ? value.join(',') || 'none' : String(value);
}

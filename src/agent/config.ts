// Reads the agent's configuration: a YAML file in which every key is also a flag (`vxlan.port` is `--vxlan-port`).

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { InputError } from '../base/input-error.ts';
import { configFlags, flagsToKeys } from './config-flags.ts';
import { type AgentConfig, configSchema } from './config-schema.ts';

/** Throws one InputError, or an AggregateError of several with all of them in its message. */
export function loadConfig(sources: ConfigSources): AgentConfig {
  const object = sources.file ?? 'command line';
  const fromFile = sources.file === undefined ? {} : readYaml(sources.file);
  const merged = merge(fromFile, flagsToKeys(sources.flags ?? {}));
  const config = parseConfig(merged, object);
  const base = sources.flags?.['cluster-directory'] === undefined ? sources.file : undefined;
  const directory = resolve(base === undefined ? '.' : dirname(base), config.cluster.directory);
  return { ...config, cluster: { ...config.cluster, directory } };
}

export interface ConfigSources {
  /** A YAML file; relative paths in it are relative to its folder. */
  readonly file?: string | undefined;
  /** By flag name without dashes: `{ 'vxlan-port': '4790' }`. They win over the file. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** Checks a configuration that is already an object; `object` names it in errors. */
export function parseConfig(value: unknown, object = 'configuration'): AgentConfig {
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) => inputErrors(issue, value, object));
  const [first] = errors;
  if (first !== undefined && errors.length === 1) throw first;
  throw new AggregateError(errors, errors.map((error) => error.message).join('\n'));
}

function readYaml(file: string): unknown {
  const document = parseDocument(readFileSync(file, 'utf8'));
  const [error] = document.errors;
  if (error !== undefined) throw new InputError({ object: file, rule: error.message });
  return document.toJS() ?? {};
}

function inputErrors(issue: z.core.$ZodIssue, root: unknown, object: string): InputError[] {
  const segments = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...segments, key], root, object));
  }
  const value = valueAt(root, segments);
  const field = fieldName(segments);
  const rule = value === undefined && field !== undefined ? 'is required' : issue.message;
  return [new InputError({ object, field, value, rule })];
}

function unknownKey(segments: readonly string[], root: unknown, object: string): InputError {
  const known = configFlags().map((flag) => flag.key);
  const field = segments.join('.');
  const near = known.find((key) => squeeze(key) === squeeze(field));
  const rule = near === undefined ? 'is no known key' : `is no known key; did you mean ${near}?`;
  return new InputError({ object, field, value: valueAt(root, segments), rule });
}

function squeeze(text: string): string {
  return text.toLowerCase().replaceAll(/[-_.]/g, '');
}

function fieldName(segments: readonly string[]): string | undefined {
  if (segments.length === 0) return undefined;
  return segments.reduce((text, part) =>
    /^\d+$/.test(part) ? `${text}[${part}]` : `${text}.${part}`,
  );
}

function valueAt(root: unknown, segments: readonly string[]): unknown {
  let value = root;
  for (const segment of segments) value = isRecord(value) ? value[segment] : undefined;
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function merge(base: unknown, over: Record<string, unknown>): unknown {
  if (!isRecord(base) || Array.isArray(base)) return base;
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isRecord(value) && !Array.isArray(value) ? merge(below ?? {}, value) : value;
  }
  return merged;
}

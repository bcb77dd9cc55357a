// Reads the agent's configuration: a YAML file in which every key is also a flag (`vxlan.port` is `--vxlan-port`).

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { errorCode } from '../base/errors.ts';
import { InputError } from '../base/input-error.ts';
import { configFlags, flagsToKeys } from './flags.ts';
import { type AgentConfig, type ClusterConfig, configSchema } from './schema.ts';

/** Throws one InputError, or an AggregateError of several with all of them in its message. */
export function loadConfig(sources: ConfigSources): AgentConfig {
  const object = sources.file ?? 'command line';
  const fromFile = sources.file === undefined ? {} : readYaml(sources.file);
  const merged = merge(fromFile, flagsToKeys(sources.flags ?? {}));
  const config = parseConfig(merged, object);
  return { ...config, cluster: absolutePaths(config.cluster, sources) };
}

// A path in the file is relative to the file; one on the command line is relative to the current directory.
function absolutePaths(
  { directory, kubernetes }: ClusterConfig,
  sources: ConfigSources,
): ClusterConfig {
  const absolute = (path: string, flag: string): string => {
    const base = sources.flags?.[flag] === undefined ? sources.file : undefined;
    return resolve(base === undefined ? '.' : dirname(base), path);
  };
  if (directory !== undefined) return { directory: absolute(directory, 'cluster-directory') };
  if (kubernetes?.kubeconfig === undefined) return { kubernetes };
  const kubeconfig = absolute(kubernetes.kubeconfig, 'cluster-kubernetes-kubeconfig');
  return { kubernetes: { ...kubernetes, kubeconfig } };
}

export interface ConfigSources {
  /** YAML file; relative paths in it are relative to its folder. */
  readonly file?: string | undefined;
  /** Values by flag name without dashes: `{ 'vxlan-port': '4790' }`. They override the file. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** Checks a configuration that is already an object. `object` names it in errors. */
export function parseConfig(value: unknown, object = 'configuration'): AgentConfig {
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) => inputErrors(issue, value, object));
  const [first] = errors;
  if (first !== undefined && errors.length === 1) throw first;
  throw new AggregateError(errors, errors.map((error) => error.message).join('\n'));
}

function readYaml(file: string): unknown {
  const document = parseDocument(readText(file));
  const [error] = document.errors;
  if (error !== undefined) throw new InputError({ object: file, rule: error.message });
  return document.toJS() ?? {};
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const rule = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new InputError({ object: 'configuration', value: file, rule });
  }
}

function inputErrors(issue: z.core.$ZodIssue, root: unknown, object: string): InputError[] {
  const segments = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...segments, key], root, object));
  }
  const value = valueAt(root, segments);
  const field = fieldName(segments);
  // If a map breaks a rule as a whole, the rule is enough.
  if (issue.code === 'custom' && (value === undefined || isRecord(value))) {
    return [new InputError({ object, field, rule: issue.message })];
  }
  const rule = value === undefined && field !== undefined ? 'is required' : issue.message;
  return [new InputError({ object, field, value, rule })];
}

function unknownKey(segments: readonly string[], root: unknown, object: string): InputError {
  const known = configFlags().map((flag) => flag.key);
  const field = segments.join('.');
  const near = known.find((key) => squeeze(key) === squeeze(field));
  const rule =
    near === undefined ? 'is not a known key' : `is not a known key; did you mean ${near}?`;
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

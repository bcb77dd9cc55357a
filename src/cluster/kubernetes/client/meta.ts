// The common fields of lists, objects and refusals. Throws AnswerError for anything else.

import { namespacedName } from '../../../base/namespaced-name.ts';
import { AnswerError } from './api-error.ts';
import { shownText } from './shown.ts';

export interface ListPage {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  /** Position of the next page; absent on the last. */
  readonly next?: string | undefined;
}

export interface ObjectVersion {
  /** `name`, or `namespace/name`; empty for a bookmark. */
  readonly key: string;
  readonly resourceVersion?: string | undefined;
}

/** A Kubernetes Status: why a request was refused. */
export interface StatusMeta {
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

// Continue tokens contain a name and a version.
const longestText = 4_096;
// Lengths that no API server exceeds. For an unusable object, only the key is kept.
const longestName = 253;
const longestNamespace = 63;
const clusterScoped = new Set(['Node', 'Namespace', 'ClusterNetworkPolicy']);

/** The error never contains the input, which may be anything. */
export function parsedJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new AnswerError('it is not UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch {
    const begin = text.trim() === '' ? 'it is empty' : `it begins ${shownText(text, 40)}`;
    throw new AnswerError(`it is not JSON, or not all of it (${bytes.length} bytes; ${begin})`);
  }
}

/** `kind`: kind of the objects. If the list states its kind, it must match. */
export function listPage(raw: unknown, kind: string): ListPage {
  const list = recordOf(raw, 'the list');
  requireKind(list['kind'], `${kind}List`);
  const metadata = recordOf(list['metadata'], 'metadata');
  const resourceVersion = versionOf(metadata['resourceVersion']);
  // With version 0 a server would return its cached state, however old.
  if (resourceVersion === undefined)
    throw new AnswerError('metadata.resourceVersion is not a version');
  const items = list['items'] ?? [];
  if (!Array.isArray(items)) throw new AnswerError('items is not a list');
  return {
    items: items as readonly unknown[],
    resourceVersion,
    next: textOf(metadata['continue'], 'metadata.continue') || undefined,
  };
}

/** `kind`: the expected kind, if the object states one. */
export function metaOf(raw: unknown, kind: string): ObjectVersion {
  const object = recordOf(raw, 'an object');
  requireKind(object['kind'], kind);
  const metadata = recordOf(object['metadata'], 'metadata of an object');
  const name = textOf(metadata['name'], 'metadata.name', longestName) ?? '';
  const namespace = textOf(metadata['namespace'], 'metadata.namespace', longestNamespace) ?? '';
  requireScope({ kind, name, namespace });
  return {
    key: namespace ? namespacedName({ namespace, name }) : name,
    resourceVersion: versionOf(metadata['resourceVersion']),
  };
}

/** Accepts any input: returns the texts of a Status, or the beginning of the text. */
export function statusMeta(raw: unknown): StatusMeta {
  const value = typeof raw === 'string' ? jsonOr(raw) : raw;
  if (typeof value === 'string') return { message: value.slice(0, 200) };
  if (typeof value !== 'object' || value === null) return {};
  const { code, reason, message } = value as Readonly<Record<string, unknown>>;
  return {
    code: Number.isInteger(code) ? (code as number) : undefined,
    reason: typeof reason === 'string' ? reason.slice(0, 64) : undefined,
    message: typeof message === 'string' ? message.slice(0, longestText) : undefined,
  };
}

/** Whether version `left` is older than `right`; false if one of them cannot be compared. */
export function isOlder(left: string | undefined, right: string | undefined): boolean {
  return isNumber(left) && isNumber(right) && BigInt(left) < BigInt(right);
}

/**
 * Whether version `left` may be newer than `right`: a greater number, or a different text if `right` is not a number.
 */
export function isNewer(left: string, right: string | undefined): boolean {
  return isNumber(right) ? isOlder(right, left) : left !== right;
}

// Kubernetes allows comparing versions as decimal numbers (KEP-5504). Those of etcd have 64 bits.
function isNumber(version: string | undefined): version is string {
  return version !== undefined && /^\d+$/.test(version);
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw new AnswerError(`${what} is not a map`);
}

// Without this check, `x/node-2` and `node-2` would be two Nodes of one name. A bookmark has neither name nor
// namespace.
function requireScope(object: {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}): void {
  const { kind, name, namespace } = object;
  const isOfCluster = clusterScoped.has(kind);
  if (isOfCluster && namespace !== '') throw new AnswerError(`a ${kind} with a namespace`);
  if (!isOfCluster && name !== '' && namespace === '')
    throw new AnswerError(`a ${kind} without a namespace`);
}

function requireKind(said: unknown, kind: string): void {
  if (said === undefined || said === kind) return;
  // A value that is not text may be nested too deeply to be written.
  const shown = typeof said === 'string' ? shownText(JSON.stringify(said), 60) : 'not a text';
  throw new AnswerError(`kind is ${shown} instead of ${kind}`);
}

function textOf(value: unknown, field: string, longest = longestText): string | undefined {
  if (value === undefined || (typeof value === 'string' && value.length <= longest)) return value;
  throw new AnswerError(`${field} is not a text of at most ${longest} characters`);
}

function versionOf(value: unknown): string | undefined {
  const isVersion = typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value) && value !== '0';
  return isVersion ? value : undefined;
}

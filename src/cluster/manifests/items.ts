// Converts the text of one manifest into its objects, independent of earlier contents. Pure, and the slow part: large
// files are processed in a thread (thread.ts).

import { InputError } from '../../base/input-error.ts';
import { FlawedNodeError } from '../flawed-node.ts';
import { type ClusterObject, identify, type ObjectIdentity, parseObject } from '../parse-object.ts';
import { rawItems } from './yaml.ts';

export interface ReadItem {
  /** Kind and key: `Pod shop/web-1`. */
  readonly id: string;
  /** `demo/pods.yaml, document 3`. */
  readonly origin: string;
  /** Without the unusable values; absent if nothing is usable. */
  readonly content?: ClusterObject;
  /** The unusable values and the reason. */
  readonly problem?: string;
}

export type ReadFile =
  | { readonly kind: 'items'; readonly items: readonly ReadItem[] }
  /** It is unknown which objects the file contains. */
  | { readonly kind: 'broken'; readonly text: string };

/** @param path as shown to users */
export function readItems(path: string, text: string): ReadFile {
  try {
    const named = rawItems(path, text).flatMap(({ origin, raw }) => {
      const identity = identify(raw, origin);
      return identity === undefined ? [] : [{ origin, raw, identity }];
    });
    return { kind: 'items', items: named.map(readItem) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { kind: 'broken', text: error.message };
  }
}

interface NamedItem {
  readonly origin: string;
  readonly raw: unknown;
  readonly identity: ObjectIdentity;
}

function readItem({ origin, raw, identity }: NamedItem): ReadItem {
  const id = `${identity.kind} ${identity.key}`;
  try {
    return { id, origin, content: parseObject(identity, raw, origin) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { id, origin, ...restOf(identity, error), problem: error.message };
  }
}

function restOf(
  { kind, key }: ObjectIdentity,
  error: InputError,
): { readonly content?: ClusterObject } {
  if (kind !== 'Node' || !(error instanceof FlawedNodeError)) return {};
  return { content: { kind, key, object: error.rest } };
}

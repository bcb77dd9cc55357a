// The text of one manifest -> what it says of each object, whatever it said before. Pure, and the part that takes long: of a
// large file it is done in a thread (thread.ts).

import { InputError } from '../../base/input-error.ts';
import { FlawedNodeError } from '../flawed-node.ts';
import { type ClusterObject, identify, type ObjectIdentity, parseObject } from '../parse-object.ts';
import { rawItems } from './yaml.ts';

export interface ReadItem {
  /** Kind and key: `Pod shop/web-1`. */
  readonly id: string;
  /** `demo/pods.yaml, document 3`. */
  readonly origin: string;
  /** Without what cannot be used of it; absent where that is all. */
  readonly content?: ClusterObject;
  /** What cannot be used, and why. */
  readonly problem?: string;
}

export type ReadFile =
  | { readonly kind: 'items'; readonly items: readonly ReadItem[] }
  /** Not even which objects it holds can be told. */
  | { readonly kind: 'broken'; readonly text: string };

/** @param path as shown to people */
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

// Reads parts of the node's state, each by itself: a listing that fails makes only those facts unknown that need it.

import { errorText } from '../../../base/errors.ts';

/** How each part is read. */
export type Readers<Parts> = { readonly [Name in keyof Parts]: () => Parts[Name] };

/**
 * The parts. A failed one throws its error, with its name, when it is used; it is not enumerable, so that parts can be
 * compared without it.
 */
export function readSeparately<Parts extends object>(readers: Readers<Parts>): Parts {
  const parts = {};
  for (const name of Object.keys(readers) as (keyof Parts & string)[]) {
    Object.defineProperty(parts, name, descriptorOf(name, readers[name]));
  }
  return parts as Parts;
}

function descriptorOf(name: string, read: () => unknown): PropertyDescriptor {
  try {
    return { value: read(), enumerable: true };
  } catch (cause) {
    const error = new Error(`${inWords(name)}: ${errorText(cause)}`, { cause });
    const get = (): never => {
      throw error;
    };
    return { get, enumerable: false };
  }
}

/** Whether no part failed. */
export function isWhole(parts: object): boolean {
  return Object.getOwnPropertyNames(parts).length === Object.keys(parts).length;
}

/** `policy rules` for `policyRules`. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

// One removal out of several. An errno, such as that of a read-only file system, is reported and does not stop the
// other removals.

import { errorCode, errorText } from './errors.ts';

/** Receives one sentence: the object that stays, and the reason. */
export type ReportRefusal = (text: string) => void;

/** Returns the result of `remove`, or undefined if it failed with an errno. Other errors are thrown. */
export function attemptRemoval<Result>(
  path: string,
  refused: ReportRefusal,
  remove: () => Result,
): Result | undefined {
  try {
    return remove();
  } catch (error) {
    if (!hasErrno(error)) throw error;
    refused(`${path} could not be removed: ${errorText(error)}`);
    return undefined;
  }
}

// Codes of Node.js itself, such as those for invalid arguments, contain an underscore.
function hasErrno(error: unknown): boolean {
  return /^E[A-Z\d]+$/.test(errorCode(error) ?? '');
}

// One removal of many: what the system refuses, as on a read-only file system, is reported and keeps nothing else from being
// removed.

import { errorCode, errorText } from './errors.ts';

/** Takes a sentence: what stays, and why. */
export type ReportRefusal = (text: string) => void;

/** The result of `remove`; undefined where it was refused with an errno. Other errors are thrown. */
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

// Node's own codes, for wrong arguments and the like, have an underscore.
function hasErrno(error: unknown): boolean {
  return /^E[A-Z\d]+$/.test(errorCode(error) ?? '');
}

// One removal of many: what the system refuses, as on a read-only file system, is reported and keeps nothing else from being
// removed.

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
    refused(`${path} could not be removed: ${error.message}`);
    return undefined;
  }
}

// Node's own codes, for wrong arguments and the like, have an underscore.
function hasErrno(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^E[A-Z\d]+$/.test(String(error.code));
}

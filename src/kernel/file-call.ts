// Runs file functions of Node.js in place of system calls and converts their errors to KernelError.

import { errorCode } from '../base/errors.ts';
import { KernelError } from './errno.ts';

/** Runs `body`. An error of Node.js with a code becomes a KernelError with `call` and `subject`. */
export function fileCall<Result>(call: string, subject: string, body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    const code = errorCode(error);
    if (error instanceof KernelError || code === undefined) throw error;
    throw new KernelError({ call, subject, code }, { cause: error });
  }
}

// Node's own file functions, where they stand in for a system call: their errors in this layer's form.

import { errorCode } from '../base/errors.ts';
import { KernelError } from './errno.ts';

/** Runs `body`; an error of Node's with a code becomes a KernelError that names `call` and `subject`. */
export function fileCall<Result>(call: string, subject: string, body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    const code = errorCode(error);
    if (error instanceof KernelError || code === undefined) throw error;
    throw new KernelError({ call, subject, code }, { cause: error });
  }
}

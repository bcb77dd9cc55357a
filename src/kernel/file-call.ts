// Node's own file functions, where they stand in for a system call: their errors in this layer's form.

import { KernelError } from './errno.ts';

/** Runs `body`; an error of Node's with a code becomes a KernelError that names `call` and `subject`. */
export function fileCall<Result>(call: string, subject: string, body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    if (error instanceof KernelError || !(error instanceof Error && 'code' in error)) throw error;
    throw new KernelError({ call, subject, code: String(error.code) }, { cause: error });
  }
}

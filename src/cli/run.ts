// Runs one command. Failures become one sentence and exit code 1.

import { InputError } from '../base/input-error.ts';
import { printable } from '../base/printable.ts';
import { CommandError } from './client/command-error.ts';
import { heddleProgram } from './program.ts';

/** `word`: the first word on the command line. */
export async function runCommand(word: string | undefined): Promise<void> {
  try {
    await (await heddleProgram(word)).parseAsync();
  } catch (error) {
    if (!isForThePerson(error)) throw error;
    const message = isRefusedToUser(error)
      ? `only root may do this: run it with sudo (${error.message})`
      : error.message;
    // One line per problem. Quoted parts may contain text from others.
    const lines = message.split('\n').map((line) => printable(line, 4_000));
    console.error(`heddle: ${lines.join('\n')}`);
    process.exitCode = 1;
  }
}

/** For root these codes mean something else, such as a read-only file system or a missing capability. */
function isRefusedToUser(error: unknown): boolean {
  if (process.geteuid?.() === 0) return false;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EPERM' || code === 'EACCES') return true;
  }
  return false;
}

/**
 * Whether the error's text is meant for the user, including file system errors with a path. All other errors are bugs
 * and are printed with their stack.
 */
function isForThePerson(error: unknown): error is Error {
  if (error instanceof AggregateError) return error.errors.every(isForThePerson);
  if (error instanceof CommandError || error instanceof InputError) return true;
  return error instanceof Error && 'syscall' in error && 'path' in error;
}

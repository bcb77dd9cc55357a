// One command: what it could not do becomes a sentence and exit code 1.

import { InputError } from '../base/input-error.ts';
import { printable } from '../base/printable.ts';
import { CommandError } from './client/command-error.ts';
import { heddleProgram } from './program.ts';

/** `word`: the first one typed. */
export async function runCommand(word: string | undefined): Promise<void> {
  try {
    await (await heddleProgram(word)).parseAsync();
  } catch (error) {
    if (!isForThePerson(error)) throw error;
    const message = isRefusedToUser(error)
      ? `only root may do this: run it with sudo (${error.message})`
      : error.message;
    // One line a problem; what each quotes is not ours.
    const lines = message.split('\n').map((line) => printable(line, 4_000));
    console.error(`heddle: ${lines.join('\n')}`);
    process.exitCode = 1;
  }
}

/** For root the same code means something else: a read-only disk, a lacking capability. */
function isRefusedToUser(error: unknown): boolean {
  if (process.geteuid?.() === 0) return false;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EPERM' || code === 'EACCES') return true;
  }
  return false;
}

/**
 * Errors whose text is meant for whoever typed the command, what the file system says of a path among them; all others are bugs and
 * show their stack.
 */
function isForThePerson(error: unknown): error is Error {
  if (error instanceof AggregateError) return error.errors.every(isForThePerson);
  if (error instanceof CommandError || error instanceof InputError) return true;
  return error instanceof Error && 'syscall' in error && 'path' in error;
}

// One command: what it could not do becomes a sentence and exit code 1.

import { InputError } from '../base/input-error.ts';
import { printable } from '../base/printable.ts';
import { CommandError } from './command-error.ts';
import { heddleProgram } from './program.ts';

/** `word`: the first one typed. */
export async function runCommand(word: string | undefined): Promise<void> {
  try {
    await (await heddleProgram(word)).parseAsync();
  } catch (error) {
    if (!isForThePerson(error)) throw error;
    // One line a problem; what each quotes is not ours.
    const lines = error.message.split('\n').map((line) => printable(line, 4_000));
    console.error(`heddle: ${lines.join('\n')}`);
    process.exitCode = 1;
  }
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

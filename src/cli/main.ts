#!/usr/bin/env node
// The `heddle` executable: runs one command and turns what it could not do into a sentence and exit code 1.

import { InputError } from '../base/input-error.ts';
import { CommandError } from './command-error.ts';
import { heddleProgram } from './program.ts';

// `heddle flows | head`: the reader has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await (await heddleProgram(process.argv[2])).parseAsync();
} catch (error) {
  if (!isForThePerson(error)) throw error;
  console.error(`heddle: ${error.message}`);
  process.exitCode = 1;
}

/** Errors whose text is meant for whoever typed the command; all others are bugs and show their stack. */
function isForThePerson(error: unknown): error is Error {
  if (error instanceof AggregateError) return error.errors.every(isForThePerson);
  return error instanceof CommandError || error instanceof InputError;
}

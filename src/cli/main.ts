#!/usr/bin/env node
// The `heddle` executable. It has almost no static imports: modules are read concurrently with a descriptor each, and
// if there are too few descriptors, the user should see a sentence instead of the module loader's stack.

import '../base/no-debugger.ts';
import { openFilesProblem } from '../base/open-files.ts';

// In `heddle flows | head`, the reader has closed the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  console.error(`heddle: standard output cannot be written: ${error.message}`);
  process.exit(1);
});
// An error of standard error cannot be reported anywhere.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exitCode = 1;
});

const [, , word] = process.argv;
const problem = openFilesProblem(word);
if (problem === undefined) {
  // This must precede the import of the agent's modules, which would make the nursery grow.
  if (word === 'agent') await import('../base/memory/small-heap.ts');
  const { runCommand } = await import('./run.ts');
  await runCommand(word);
} else {
  console.error(`heddle: ${problem}`);
  process.exitCode = 1;
}

#!/usr/bin/env node
// The `heddle` executable. Imports next to nothing: modules are read side by side, a descriptor each, and where there are too few
// of those a sentence is to say so, not the stack of the module loader.

import { openFilesProblem } from '../base/open-files.ts';

// `heddle flows | head`: the reader has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  console.error(`heddle: standard output cannot be written: ${error.message}`);
  process.exit(1);
});
// Nowhere is left to say it.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exitCode = 1;
});

const [, , word] = process.argv;
const problem = openFilesProblem(word);
if (problem === undefined) {
  // Before the agent's modules are read, by which the nursery would grow.
  if (word === 'agent') await import('../base/small-heap.ts');
  const { runCommand } = await import('./run.ts');
  await runCommand(word);
} else {
  console.error(`heddle: ${problem}`);
  process.exitCode = 1;
}

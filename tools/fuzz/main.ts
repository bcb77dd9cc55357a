// `npm run fuzz -- NAME [--minutes N] [--seed N]`: repeats a test of random input with new seeds until the time is over,
// or until it fails, and then prints the command that repeats the failure.

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fuzzCall, fuzzers } from './fuzzers.ts';

const call = fuzzCall(process.argv.slice(2));
if (call === undefined) {
  console.log('usage: npm run fuzz -- NAME [--minutes N] [--seed N]');
  for (const [name, { what }] of Object.entries(fuzzers))
    console.log(`  ${name.padEnd(15)} ${what}`);
  process.exit(2);
}

const compiled = `dist/${fuzzers[call.name]?.file.replace(/\.ts$/, '.js')}`;
const until = performance.now() + call.minutes * 60_000;
const first = call.seed ?? randomInt(1_000_000);
// Far enough apart for tests that count up from their seed.
const apart = 10_000;
let round = 0;
do {
  const seed = first + round * apart;
  const began = performance.now();
  const output = await failureOf(seed);
  if (output !== undefined) {
    console.log(output);
    console.log(`failed: HEDDLE_SEED=${seed} node --test ${compiled}`);
    process.exit(1);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`round ${round + 1} passed in ${seconds} s, HEDDLE_SEED=${seed}`);
  round += 1;
} while (performance.now() < until);
console.log(`${call.name}: ${round} rounds passed`);

/** Returns the output of a round that failed. */
function failureOf(seed: number): Promise<string | undefined> {
  const env = { ...process.env, CI: 'true', HEDDLE_SEED: `${seed}` };
  const child = spawn(process.execPath, ['--test', compiled], { env });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => output.push(piece));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0 ? undefined : Buffer.concat(output).toString()));
  });
}

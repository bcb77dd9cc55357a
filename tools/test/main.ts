// `npm test [-- LAYER...] [PATTERN...]`: runs the compiled tests layer by layer and ends with the totals. Exit code 1
// if a test failed, if none ran, or, with CI=true, if one was skipped.

import { availableParallelism } from 'node:os';
import {
  type Batch,
  type Layer,
  matchesPattern,
  queues,
  select,
  testFiles,
  testLayers,
} from './layers.ts';
import { failureText, fileLine, skipText, toldLines, total, totalsLine } from './progress.ts';
import { type FileResult, runFiles } from './run-files.ts';
import { withSourceLines } from './source-lines.ts';

const interrupted = new AbortController();
process.on('SIGINT', () => interrupted.abort());
process.on('SIGTERM', () => interrupted.abort());

const { layers, patterns } = select(process.argv.slice(2), testLayers(availableParallelism()));
const results: FileResult[] = [];
for (const layer of layers)
  results.push(
    ...(await runLayer(
      layer,
      testFiles(layer).filter((file) => matchesPattern(file, patterns)),
    )),
  );
process.exitCode = conclude(results);

async function runLayer(layer: Layer, files: readonly string[]): Promise<readonly FileResult[]> {
  const done: FileResult[] = [];
  const work = async (waiting: Batch[]): Promise<void> => {
    for (;;) {
      const batch = interrupted.signal.aborted ? undefined : waiting.shift();
      if (batch === undefined) return;
      announce(layer, batch);
      const results = await runFiles(batch, {
        timeoutMs: layer.timeoutMs,
        signal: interrupted.signal,
      });
      done.push(...results);
      for (const result of results) report(layer, result);
    }
  };
  await Promise.all(queues(layer, files).map(work));
  return done;
}

/** On a terminal, the last line shows what runs until its result replaces it. */
function announce(layer: Layer, [first = '', ...others]: Batch): void {
  if (!process.stdout.isTTY) return;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  process.stdout.write(`\r\x1b[K...   ${layer.name.padEnd(7)}  ${first}${more}`);
}

function report(layer: Layer, result: FileResult): void {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  console.log(fileLine(layer.name, result));
  for (const line of toldLines(result)) console.log(line);
  if (total([result]).failed > 0) console.log(withSourceLines(failureText(result)));
}

function conclude(results: readonly FileResult[]): number {
  const totals = total(results);
  const skippedInCi = process.env['CI'] === 'true' && totals.skipped > 0;
  for (const line of skipText(results)) console.log(line);
  if (results.length === 0) console.log(`no test file matches ${process.argv.slice(2).join(' ')}`);
  if (skippedInCi) console.log('with CI=true, a skipped test counts as a failure');
  if (interrupted.signal.aborted) console.log('interrupted');
  console.log(totalsLine(totals));
  const ran = totals.passed + totals.failed > 0;
  return totals.failed > 0 || !ran || skippedInCi || interrupted.signal.aborted ? 1 : 0;
}

// The output while the tests run: one line per file, the whole output of failed files, and the totals last.

import type { TestEvent } from './events.ts';
import type { FileResult } from './run-files.ts';

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function total(results: readonly FileResult[]): Totals {
  const tests = results.flatMap((result) => result.tests);
  const count = (outcome: TestEvent['outcome']): number =>
    tests.filter((test) => test.outcome === outcome).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** Always the last line, in this form: automation reads it. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** `ok    unit     src/net/address.test.ts        12 tests   0.2 s` */
export function fileLine(layer: string, result: FileResult): string {
  const { passed, failed, skipped } = total([result]);
  const verdict = failed > 0 ? 'FAIL' : passed === 0 ? 'skip' : 'ok';
  const counts = [
    `${passed + failed} ${passed + failed === 1 ? 'test' : 'tests'}`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ].join(', ');
  const seconds = `${(result.elapsedMs / 1000).toFixed(1)} s`;
  return `${verdict.padEnd(4)}  ${layer.padEnd(7)}  ${result.file.padEnd(48)}  ${counts}   ${seconds}`;
}

/** The messages of its tests, and the duration of each slow test, one per line. */
export function toldLines(result: FileResult): readonly string[] {
  return result.tests.flatMap(({ outcome, name, ms = 0 }) => {
    if (outcome === 'told') return [indent(name)];
    return ms < slowMs ? [] : [indent(`${(ms / 1000).toFixed(1)} s: ${name}`)];
  });
}

const slowMs = 5_000;

/** Every failed test of the file with its error, then the output of the file. */
export function failureText(result: FileResult): string {
  const failures = result.tests
    .filter((test) => test.outcome === 'failed')
    .map((test) => `  not ok: ${test.name}\n${indent(test.text ?? '')}`);
  const output = result.output.trim();
  return [
    ...failures,
    ...(output === '' ? [] : [`  output of ${result.file}:\n${indent(output)}`]),
  ].join('\n');
}

/** The reasons of skipped tests, each once with its count: `17 skipped: needs root`. */
export function skipText(results: readonly FileResult[]): readonly string[] {
  const reasons = new Map<string, number>();
  for (const test of results.flatMap((result) => result.tests))
    if (test.outcome === 'skipped')
      reasons.set(test.text ?? '', (reasons.get(test.text ?? '') ?? 0) + 1);
  return [...reasons].map(([reason, count]) => `${count} skipped: ${reason}`);
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ');
}

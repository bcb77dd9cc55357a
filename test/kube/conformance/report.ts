// The results of one run of the suite, as text.

import type { Totals } from '../../../tools/test/progress.ts';
import type { Spec } from './junit.ts';

export function countSpecs(specs: readonly Spec[]): Totals {
  const count = (outcome: Spec['outcome']): number =>
    specs.filter((spec) => spec.outcome === outcome).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** `ok    conformance  native   47 specs   150.2 s` */
export function summaryLine(mode: string, specs: readonly Spec[], seconds: number): string {
  const { passed, failed, skipped } = countSpecs(specs);
  const verdict = failed > 0 || passed === 0 ? 'FAIL' : 'ok';
  const counts = [
    `${passed + failed} specs`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ].join(', ');
  return `${verdict.padEnd(4)}  conformance  ${mode.padEnd(6)}  ${counts}   ${seconds.toFixed(1)} s`;
}

const failureLines = 15;
const slowSeconds = 60;

/** Failed specs with their failures, skipped ones with their reasons, and slow ones. */
export function specLines(specs: readonly Spec[]): readonly string[] {
  return specs.flatMap(({ name, outcome, seconds, text }) => {
    const [first = '', ...others] = text.split('\n').slice(0, failureLines);
    if (outcome === 'failed')
      return [`  not ok: ${name}`, ...[first, ...others].map((line) => `    ${line}`)];
    if (outcome === 'skipped') return [`  skipped: ${name}: ${first}`];
    return seconds < slowSeconds ? [] : [`    ${seconds.toFixed(1)} s: ${name}`];
  });
}

// docs/benchmarks.md: one section per experiment, written by a run with --write. Sections of other experiments and the
// text around them stay.

import type { BarVerdict, Figure } from './experiment.ts';
import { shownDigits } from './report.ts';

/** What a section states about the run that wrote it. */
export interface RunRecord {
  readonly experiment: string;
  readonly summary: string;
  /** `2026-11-29` */
  readonly date: string;
  /** The commit that was measured. */
  readonly commit: string;
  readonly machine: string;
  /** File of the plot, relative to the page. */
  readonly plot?: string;
  readonly figures: readonly Figure[];
  readonly verdicts: readonly BarVerdict[];
}

/** Returns the page with the section of this experiment replaced, or added at the end. */
export function withSection(page: string, run: RunRecord): string {
  const [begin, end] = markers(run.experiment);
  const section = `${begin}\n${renderSection(run)}\n${end}`;
  const from = page.indexOf(begin);
  if (from === -1) return `${page.trimEnd()}\n\n${section}\n`;
  const to = page.indexOf(end, from);
  if (to === -1) throw new Error(`section ${run.experiment} has no end marker: ${end}`);
  return page.slice(0, from) + section + page.slice(to + end.length);
}

function markers(experiment: string): readonly [begin: string, end: string] {
  return [`<!-- bench:${experiment} -->`, `<!-- end of bench:${experiment} -->`];
}

function renderSection(run: RunRecord): string {
  const groups = [...new Set(run.figures.map(({ group }) => group))];
  const tables = groups.flatMap((group) => {
    const rows = run.figures.filter((figure) => figure.group === group).map(figureCells);
    const header = ['arm', 'metric', 'ratio (quartiles)', 'median (quartiles)', 'unit'];
    return ['', `### ${run.experiment}: ${group}`, '', ...table(header, rows)];
  });
  const bars = run.verdicts.map(barCells);
  return [
    `## ${run.experiment}`,
    '',
    `${run.summary} (\`npm run bench -- ${run.experiment} --write\`)`,
    '',
    `${run.date}, commit ${run.commit}; ${run.machine}`,
    ...(run.plot === undefined ? [] : ['', `![${run.summary}](${run.plot})`]),
    ...tables,
    ...(bars.length === 0
      ? []
      : ['', `### ${run.experiment}: bars`, '', ...table(['bar', 'limit', 'measured', ''], bars)]),
  ].join('\n');
}

function figureCells({ arm, metric, better, ratios, values, unit }: Figure): readonly string[] {
  const ratio =
    ratios === undefined
      ? ''
      : `${ratios.median.toFixed(3)} (${ratios.quartiles.map((each) => each.toFixed(3)).join('-')})`;
  const median = `${shownDigits(values.median)} (${values.quartiles.map(shownDigits).join('-')})`;
  return [arm, `${metric} (${better} is better)`, ratio, median, unit];
}

function barCells({ bar, measured, met }: BarVerdict): readonly string[] {
  const figure = measured === undefined ? 'not measured' : shownDigits(measured);
  const name = `${bar.group}: ${bar.arm}: ${bar.metric}`;
  return [name, `${bar.limit} (${bar.of})`, figure, met ? 'met' : 'missed'];
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), `|${'---|'.repeat(header.length)}`, ...rows.map(line)];
}

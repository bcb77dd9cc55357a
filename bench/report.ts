// Renders figures as a table for the terminal. The JSON output has the same figures with every sample.

import type { BarVerdict, Figure } from './experiment.ts';

export function renderFigures(figures: readonly Figure[]): string {
  const lines: string[] = [];
  for (const group of new Set(figures.map((figure) => figure.group))) {
    const rows = figures.filter((figure) => figure.group === group).map(row);
    lines.push('', group);
    const header = ['  arm', 'metric', 'ratio', 'quartiles', 'median', 'unit'];
    lines.push(...align([header, ...rows]));
  }
  return lines.join('\n');
}

export function renderVerdicts(verdicts: readonly BarVerdict[]): string {
  return verdicts
    .map(({ bar, measured, met }) => {
      const figure = measured === undefined ? 'not measured' : measured.toFixed(3);
      const name = `${bar.group}: ${bar.arm}: ${bar.metric}`;
      return `${met ? 'met   ' : 'MISSED'}  ${name}: ${figure} (bar ${bar.limit}, ${bar.of})`;
    })
    .join('\n');
}

function row(figure: Figure): string[] {
  const { ratios, values } = figure;
  const shown = ratios ?? values;
  return [
    `  ${figure.arm}`,
    `${figure.metric} (${figure.better} is better)`,
    ratios === undefined ? '-' : ratios.median.toFixed(3),
    shown.quartiles.map(shownDigits).join('..'),
    shownDigits(values.median),
    figure.unit,
  ];
}

/** Three decimals for small values, fewer for large ones. */
export function shownDigits(value: number): string {
  if (value >= 1000) return value.toFixed(0);
  return value >= 100 ? value.toFixed(1) : value.toFixed(3);
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const cells of rows) {
    cells.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

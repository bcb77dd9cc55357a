// Renders text in aligned columns.

import type { Style } from './style.ts';

export interface Column {
  readonly heading: string;
  /** Numbers are aligned to the right. */
  readonly align?: 'left' | 'right';
}

/** Renders a heading and one line per row. Columns are as wide as their widest cell, with two spaces between them. */
export function renderColumns(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const widths = columns.map((column, index) =>
    Math.max(column.heading.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        const width = widths[index] ?? 0;
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [style.quiet(line(columns.map((column) => column.heading))), ...rows.map(line)].join('\n');
}

/** Joins items with three spaces and starts a new, indented line if the next item would exceed `width`. */
export function wrapItems(items: readonly string[], indent: number, width: number): string {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    if (last !== undefined && indent + last.length + 3 + item.length <= width)
      lines[lines.length - 1] = `${last}   ${item}`;
    else lines.push(item);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}

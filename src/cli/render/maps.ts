// `heddle maps list` and `heddle maps dump NAME`: the BPF maps of the data path.

import type { MapDump, MapFill } from '../../api/maps.ts';
import { type Column, renderColumns } from './columns.ts';
import type { Style } from './style.ts';
import { formatCount, formatPercent } from './units.ts';

const columns: readonly Column[] = [
  { heading: 'MAP' },
  { heading: 'ENTRIES', align: 'right' },
  { heading: 'AT MOST', align: 'right' },
  { heading: 'FULL', align: 'right' },
];

export function renderMapList(maps: readonly MapFill[], style: Style): string {
  const rows = maps.map(({ name, entries, maxEntries }) => [
    name,
    entries === undefined ? '?' : formatCount(entries),
    formatCount(maxEntries),
    entries === undefined ? '?' : formatPercent(entries, maxEntries),
  ]);
  return renderColumns(columns, rows, style);
}

/** One line per entry, `key -> value`. A per-CPU value has one line per CPU. */
export function renderMapDump(dump: MapDump): string {
  const count = formatCount(dump.entries.length);
  const more = dump.truncated ? ', only the first ones: --limit shows more' : '';
  const head = `${dump.name}: ${count} of at most ${formatCount(dump.maxEntries)} entries${more}`;
  const keys = dump.entries.map(({ key }) => fields(key));
  const width = Math.max(0, ...keys.map((key) => key.length));
  const lines = dump.entries.flatMap(({ value }, index) => {
    const key = (keys[index] ?? '').padEnd(width);
    return perCpu(value).map((text, cpu) => `${cpu === 0 ? key : ' '.repeat(width)}  ->  ${text}`);
  });
  return [head, ...lines].join('\n');
}

function perCpu(value: unknown): string[] {
  return Array.isArray(value)
    ? value.map((one, cpu) => `cpu ${cpu}: ${fields(one)}`)
    : [fields(value)];
}

/** `address=10.0.0.1 port=80`; nested objects in braces. */
function fields(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, field]) => `${name}=${nested(field)}`)
    .join(' ');
}

function nested(field: unknown): string {
  return typeof field === 'object' && field !== null ? `{${fields(field)}}` : String(field);
}

// Line charts side by side, as one SVG file: the same names have the same line in all of them. It follows the reader's
// light or dark colours, and needs no script and no font of its own.

import { linearScale, logScale, logScaleAt, type Scale } from './scale.ts';

export interface Panel {
  readonly title: string;
  /** Of the vertical axis: quantity and unit. */
  readonly label: string;
  readonly vertical: 'linear' | 'log';
  /** A line without points is left out. */
  readonly lines: readonly PanelLine[];
}

export interface PanelLine {
  readonly name: string;
  readonly points: readonly Point[];
}

interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PanelsOptions {
  readonly title: string;
  /** Of the horizontal axis, which is logarithmic. */
  readonly horizontal: string;
  readonly columns: number;
}

const panelWidth = 330;
const panelHeight = 250;
const head = 62;
const inner = { left: 58, right: 16, top: 34, bottom: 44 };
const plotWidth = panelWidth - inner.left - inner.right;
const plotHeight = panelHeight - inner.top - inner.bottom;
// Colours that differ for colour-blind readers as well (Okabe and Ito), a little lighter on dark; dashes besides.
const looks = [
  { light: '#0072b2', dark: '#56b4e9', dash: '' },
  { light: '#d55e00', dark: '#ff9d4d', dash: '6 3' },
  { light: '#007a5a', dark: '#3fcf9f', dash: '2 3' },
  { light: '#a8447f', dark: '#e39cc6', dash: '8 3 2 3' },
  { light: '#555555', dark: '#bbbbbb', dash: '1 4' },
] as const;

export function drawPanels(panels: readonly Panel[], options: PanelsOptions): string {
  const drawn = panels.map((panel) => ({
    ...panel,
    lines: panel.lines.filter(({ points }) => points.length > 0),
  }));
  const shown = drawn.filter(({ lines }) => lines.length > 0);
  const names = [...new Set(shown.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  if (names.length > looks.length)
    throw new Error(`a plot has at most ${looks.length} lines: ${names.join(', ')}`);
  const width = options.columns * panelWidth;
  const height = head + Math.ceil(shown.length / options.columns) * panelHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(options.title)}</title>`,
    `<style>${style()}</style>`,
    `<rect class="back" width="${width}" height="${height}"/>`,
    text({ x: 12, y: 22, class: 'title' }, options.title),
    ...legend(names),
    ...shown.map((panel, index) => {
      const left = (index % options.columns) * panelWidth;
      const top = head + Math.floor(index / options.columns) * panelHeight;
      const parts = drawPanel(panel, names, options.horizontal);
      return `<g transform="translate(${left} ${top})">\n${parts.join('\n')}\n</g>`;
    }),
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel(panel: Panel, names: readonly string[], horizontal: string): readonly string[] {
  const points = panel.lines.flatMap(({ points }) => points);
  const values = points.map(({ y }) => y);
  const across = logScaleAt([...new Set(points.map(({ x }) => x))].sort((a, b) => a - b));
  const up = panel.vertical === 'log' ? logScale(values) : linearScale(Math.max(...values));
  const bottom = inner.top + plotHeight;
  const middle = inner.top + plotHeight / 2;
  return [
    text({ x: inner.left, y: 20, class: 'head' }, panel.title),
    ...up.ticks.flatMap((tick) => {
      const y = placeUp(up, tick.value);
      return [
        `<path class="grid" d="M${inner.left} ${y}h${plotWidth}"/>`,
        text({ x: inner.left - 6, y: y + 4, class: 'end' }, tick.text),
      ];
    }),
    ...across.ticks.flatMap((tick) => {
      const x = placeAcross(across, tick.value);
      return [
        `<path class="axis" d="M${x} ${bottom}v4"/>`,
        text({ x, y: bottom + 17, class: 'mid' }, tick.text),
      ];
    }),
    `<path class="axis" d="M${inner.left} ${inner.top}V${bottom}h${plotWidth}"/>`,
    text({ x: inner.left + plotWidth / 2, y: bottom + 34, class: 'mid' }, horizontal),
    `<g transform="translate(14 ${middle}) rotate(-90)">${text({ x: 0, y: 0, class: 'mid' }, panel.label)}</g>`,
    ...panel.lines.flatMap((line) => drawLine(line, names.indexOf(line.name), { across, up })),
  ];
}

function drawLine(
  { points }: PanelLine,
  look: number,
  { across, up }: { readonly across: Scale; readonly up: Scale },
): readonly string[] {
  const places = points.map(({ x, y }) => `${placeAcross(across, x)} ${placeUp(up, y)}`);
  return [
    `<path class="line l${look}" d="M${places.join('L')}"/>`,
    ...places.map((place) => {
      const [x, y] = place.split(' ');
      return `<circle class="dot d${look}" cx="${x}" cy="${y}" r="3"/>`;
    }),
  ];
}

function legend(names: readonly string[]): readonly string[] {
  let x = 12;
  return names.flatMap((name, look) => {
    const parts = [
      `<path class="line l${look}" d="M${x} 44h28"/>`,
      `<circle class="dot d${look}" cx="${x + 14}" cy="44" r="3"/>`,
      text({ x: x + 34, y: 48, class: 'name' }, name),
    ];
    // About the width of a letter at this size.
    x += 34 + name.length * 6.6 + 18;
    return parts;
  });
}

function placeAcross(scale: Scale, value: number): number {
  return rounded(inner.left + 8 + scale.place(value) * (plotWidth - 16));
}

function placeUp(scale: Scale, value: number): number {
  return rounded(inner.top + plotHeight * (1 - scale.place(value)));
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function text(
  { x, y, class: kind }: { readonly x: number; readonly y: number; readonly class: string },
  content: string,
): string {
  return `<text class="${kind}" x="${rounded(x)}" y="${rounded(y)}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function style(): string {
  const lines = (shade: 'light' | 'dark'): string =>
    looks
      .map((look, index) => `.l${index}{stroke:${look[shade]}}.d${index}{fill:${look[shade]}}`)
      .join('');
  const dashes = looks.map(({ dash }, index) => `.l${index}{stroke-dasharray:${dash || 'none'}}`);
  return [
    'text{font:12px sans-serif;fill:#24292f}.title{font-size:16px;font-weight:bold}',
    '.head{font-size:13px;font-weight:bold}.mid{text-anchor:middle}.end{text-anchor:end}',
    '.back{fill:#ffffff}.grid{stroke:#d8dee4;fill:none}.axis{stroke:#57606a;fill:none}',
    '.line{fill:none;stroke-width:2}',
    ...dashes,
    lines('light'),
    '@media (prefers-color-scheme:dark){text{fill:#e6edf3}.back{fill:#0d1117}.grid{stroke:#30363d}',
    `.axis{stroke:#8b949e}${lines('dark')}}`,
  ].join('');
}

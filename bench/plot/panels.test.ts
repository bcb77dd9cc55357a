import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawPanels, type Panel } from './panels.ts';

const options = { title: 'Cost < size', horizontal: 'Services', columns: 2 };

function panel(title: string, lines: Panel['lines']): Panel {
  return { title, label: 'ms & more', vertical: 'linear', lines };
}

const rising = [1, 10, 100].map((x) => ({ x, y: x }));

test('each panel has its texts and ticks, each line its points', () => {
  const svg = drawPanels([panel('One', [{ name: 'a', points: rising }])], options);
  const words = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, word]) => word);
  assert.deepEqual(words, [
    ...['Cost &lt; size', 'a', 'One', '0', '25', '50', '75', '100'],
    ...['1', '10', '100', 'Services', 'ms &amp; more'],
  ]);
  // Three points, and one in the legend.
  assert.equal(svg.match(/<circle /g)?.length, 4);
  const [, path = ''] =
    /<path class="line l0" d="M([\d .L]+)"\/>\n<circle[^\n]*\n<circle/.exec(svg) ?? [];
  const places = path.split('L').map((place) => place.split(' ').map(Number));
  const [xs, ys] = [places.map(([x]) => x ?? 0), places.map(([, y]) => y ?? 0)];
  assert.ok((xs[0] ?? 0) < (xs[1] ?? 0) && (xs[1] ?? 0) < (xs[2] ?? 0), path);
  assert.ok((ys[0] ?? 0) > (ys[1] ?? 0) && (ys[1] ?? 0) > (ys[2] ?? 0), path);
});

test('a name has the same line in all panels, and what was not measured has none', () => {
  const svg = drawPanels(
    [
      panel('One', [
        { name: 'a', points: rising },
        { name: 'b', points: rising },
      ]),
      panel('Two', [
        { name: 'c', points: [] },
        { name: 'b', points: rising },
      ]),
      panel('Three', [{ name: 'c', points: [] }]),
    ],
    options,
  );
  assert.doesNotMatch(svg, />c<|Three/);
  // Twice in panels, once in the legend.
  assert.equal(svg.match(/class="line l1"/g)?.length, 3);
  assert.match(svg, /height="312"/);
});

test('it has colours for light and dark, and every element is closed', () => {
  const svg = drawPanels([panel('One', [{ name: 'a', points: rising }])], options);
  assert.match(svg, /prefers-color-scheme:dark/);
  const open: string[] = [];
  for (const [, end, name = '', own] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (own === '/') continue;
    if (end === '/') assert.equal(open.pop(), name);
    else open.push(name);
  }
  assert.deepEqual(open, []);
});

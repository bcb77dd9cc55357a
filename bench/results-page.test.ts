import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figure } from './experiment.ts';
import { type RunRecord, withSection } from './results-page.ts';
import { series } from './statistics.ts';

const figures: readonly Figure[] = [
  {
    group: 'same node',
    arm: 'heddle',
    metric: 'round trip',
    unit: 'us',
    values: series([20, 22, 24]),
    ratios: series([1, 1.1, 1.2]),
    better: 'lower',
  },
  {
    group: 'same node',
    arm: 'veth',
    metric: 'round trip',
    unit: 'us',
    values: series([2000]),
    better: 'lower',
  },
];

const run: RunRecord = {
  experiment: 'network',
  summary: 'traffic',
  date: '2026-11-29',
  commit: 'abc1234',
  machine: 'Linux 6.18',
  figures,
  verdicts: [
    {
      bar: {
        group: 'same node',
        arm: 'heddle',
        metric: 'round trip',
        of: 'ratio',
        limit: 1.05,
      },
      measured: 1.1,
      met: false,
    },
  ],
};

const section = `<!-- bench:network -->
## network

traffic (\`npm run bench -- network --write\`)

2026-11-29, commit abc1234; Linux 6.18

### network: same node

| arm | metric | ratio (quartiles) | median (quartiles) | unit |
|---|---|---|---|---|
| heddle | round trip (lower is better) | 1.100 (1.050-1.150) | 22.000 (21.000-23.000) | us |
| veth | round trip (lower is better) |  | 2000 (2000-2000) | us |

### network: bars

| bar | limit | measured |  |
|---|---|---|---|
| same node: heddle: round trip | 1.05 (ratio) | 1.100 | missed |
<!-- end of bench:network -->`;

test('a new section is added at the end', () => {
  assert.equal(withSection('# Benchmarks\n', run), `# Benchmarks\n\n${section}\n`);
});

test('a section is replaced in place, and the text around it stays', () => {
  const page = `# Benchmarks\n\n<!-- bench:network -->\nold\n<!-- end of bench:network -->\n\n## cni\n`;
  assert.equal(withSection(page, run), `# Benchmarks\n\n${section}\n\n## cni\n`);
});

test('the same run leaves the page unchanged', () => {
  const once = withSection('# Benchmarks\n', run);
  assert.equal(withSection(once, run), once);
});

test('a section without its end marker is refused', () => {
  assert.throws(() => withSection('<!-- bench:network -->\n', run), /network has no end marker/);
});

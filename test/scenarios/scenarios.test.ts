// Golden tests: a folder's manifests are the input, every table as text is the output, without a kernel.
// `UPDATE_GOLDEN=1` rewrites the expected text; read the difference before committing it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { runScenario } from '../support/scenario.ts';
import { dumpTables, formatChange, formatDump } from '../support/table-dump.ts';

// The scenarios are in the source folder, not next to the compiled file.
const folder = resolve(import.meta.dirname, '../../../test/scenarios');

const names = fs
  .readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

for (const name of names) {
  test(`scenario ${name} gives the expected tables`, () => {
    const [first, ...later] = runScenario(join(folder, name)).map(dumpTables);
    assert.ok(first, 'a scenario has at least one step');
    const changes = later.map(
      (sections, index) =>
        `## after step ${index + 2}\n\n${formatChange([first, ...later][index] ?? first, sections)}`,
    );
    const text = [formatDump(first), ...changes].join('\n');
    const file = join(folder, name, 'expected.txt');
    if (process.env['UPDATE_GOLDEN'] === '1') fs.writeFileSync(file, text);
    assert.equal(text, fs.readFileSync(file, 'utf8'));
  });
}

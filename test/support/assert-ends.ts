// Functions whose time must stay in proportion to their input, whatever it contains.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** Generous: what takes quadratic time for a MiB takes hours. */
const boundMs = 60_000;

/**
 * Calls a function of the module with each text, in a process that is killed when it takes too long.
 * `texts`: expressions, such as `' '.repeat(2 ** 20)`.
 */
export function assertEnds(module: string, name: string, texts: readonly string[]): void {
  const script = `import { ${name} } from ${JSON.stringify(module)};
    for (const text of [${texts.join()}]) ${name}(text);`;
  const flags = ['--input-type=module', '-e', script];
  const { status, signal, stderr } = spawnSync(process.execPath, flags, { timeout: boundMs });
  assert.deepEqual(
    { status, signal, errors: String(stderr) },
    { status: 0, signal: null, errors: '' },
  );
}

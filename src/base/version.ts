// The version of this build.

import { readFileSync } from 'node:fs';

/** From package.json, which stands three folders above this file's compiled twin: dist/src/base/version.js. */
export function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

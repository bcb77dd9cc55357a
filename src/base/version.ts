// The version of this build.

import { readFileSync } from 'node:fs';

/** Reads package.json, which is three folders above the compiled file: dist/src/base/version.js. */
export function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

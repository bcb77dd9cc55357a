// Translates positions in the output of failed tests to lines of TypeScript. Node.js could do it
// (--enable-source-maps), but reads the source map of every module for it, which took a twentieth of the time of the
// unit tests.

import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, relative, resolve } from 'node:path';

const compiledLine = /(?:file:\/\/)?(\/[^\s():]+\.js):(\d+)(?::(\d+))?/g;

/**
 * Replaces every `file:///.../dist/src/a.js:7:3` in `text` with `src/a.ts:5:3`. Positions without a map stay as they
 * are.
 */
export function withSourceLines(text: string): string {
  return text.replace(compiledLine, (found, path: string, line: string, column = '1') => {
    const map = readMap(path);
    const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !('originalSource' in entry)) return found;
    const source = relative('.', resolve(dirname(path), entry.originalSource));
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

function readMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')));
  } catch {
    return undefined;
  }
}

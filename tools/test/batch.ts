// `node batch.js FILE...`: runs the compiled tests of several files in one process, one file after the other. Loading
// Node.js and the libraries again for each file took three quarters of the time of the unit tests.

import { resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fileMark } from './events.ts';

// The first test waits until all files are loaded, so that tests that measure time do not include loading.
let begin = (): void => undefined;
const read = new Promise<void>((done) => {
  begin = done;
});

for (const file of process.argv.slice(2)) {
  test(fileMark(file), () => read);
  try {
    await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    test('(the file itself)', () => {
      throw error;
    });
  }
}
begin();

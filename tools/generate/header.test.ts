import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withIncludes } from './header.ts';

const files: Readonly<Record<string, string>> = {
  'one.h': '#include "two.h"\nenum one {\n',
  'two.h': '#include <linux/types.h>\nenum two {\n',
};

function read(name: string): string {
  return files[name] ?? assert.fail(`no file ${name}`);
}

test('a header that is included twice appears once, before the code that needs it', () => {
  const text = withIncludes('#include "one.h"\n#include "two.h"\nenum three {\n', read);
  assert.deepEqual(text.match(/^enum \w+/gm), ['enum two', 'enum one', 'enum three']);
});

test('system headers stay in their place', () => {
  assert.match(withIncludes('#include "two.h"\n', read), /^#include <linux\/types\.h>$/m);
});

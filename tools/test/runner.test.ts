import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { fileMark, type TestEvent } from './events.ts';
import { type Layer, matchesPattern, queues, select, testLayers } from './layers.ts';
import { failureText, fileLine, skipText, toldLines, total, totalsLine } from './progress.ts';
import { byFile, closeBooks, type FileResult } from './run-files.ts';
import { withSourceLines } from './source-lines.ts';

const layers = testLayers(2);
const names = (words: readonly string[]): string[] =>
  select(words, layers).layers.map((layer) => layer.name);

test('words select layers in their order, and all layers if they name none', () => {
  assert.deepEqual(names([]), ['unit', 'golden', 'package', 'kernel', 'lab', 'runtime']);
  assert.deepEqual(names(['lab', 'unit']), ['unit', 'lab']);
  assert.deepEqual(names(['kube']), ['kube'], 'which has a command of its own');
  assert.deepEqual(names(['address']), ['unit', 'golden', 'package', 'kernel', 'lab', 'runtime']);
});

test('other words are patterns for file names', () => {
  assert.deepEqual(select(['kernel', 'map', 'link'], layers).patterns, ['map', 'link']);
  assert.ok(matchesPattern('test/kernel/link.test.ts', ['map', 'link']));
  assert.ok(!matchesPattern('test/kernel/object.test.ts', ['map', 'link']));
  assert.ok(matchesPattern('test/kernel/object.test.ts', []));
});

test('only layers without load on the machine run files concurrently', () => {
  const parallel = layers.filter((layer) => layer.parallelFiles > 1);
  assert.deepEqual(
    parallel.map((layer) => layer.name),
    ['unit', 'golden'],
  );
});

test('files of a group run sequentially, next to the others', () => {
  const files = ['test/kube/dns.test.ts', 'test/kube/nodes.test.ts', 'test/kube/install.test.ts'];
  const of = (parallel: number): readonly (readonly string[])[] =>
    testLayers(parallel).flatMap((layer) =>
      layer.name === 'kube' ? queues(layer, files).map((batches) => batches.flat()) : [],
    );
  assert.deepEqual(of(2), [files.slice(1), files.slice(0, 1)]);
  assert.deepEqual(of(1), [files], 'a machine with one processor has no time to wait');
  const [unit] = testLayers(2);
  assert(unit !== undefined);
  const [first, second] = queues(unit, ['a', 'b', 'c']);
  assert.equal(first, second, 'the same list for all processes where there are no groups');
});

test('files share a process, except those that need their own', () => {
  const layer = { ...layers[0], alone: ['c.'], filesPerProcess: 2, parallelFiles: 1 } as Layer;
  const files = ['a.test.ts', 'b.test.ts', 'c.test.ts', 'd.test.ts'];
  assert.deepEqual(queues(layer, files), [
    [['c.test.ts'], ['a.test.ts', 'b.test.ts'], ['d.test.ts']],
  ]);
  const [begun] = queues({ ...layer, first: ['d.', 'b.'] }, files);
  assert.deepEqual(begun, [['d.test.ts'], ['a.test.ts', 'b.test.ts'], ['c.test.ts']]);
});

test('tests of a shared process belong to the file whose marker precedes them', () => {
  const files = ['src/a.test.ts', 'src/b.test.ts', 'src/c.test.ts'];
  const mark = (letter: string): TestEvent => ({
    outcome: 'passed',
    name: fileMark(`dist/src/${letter}.test.js`),
  });
  const of = (events: readonly TestEvent[], ending?: string): readonly string[] =>
    byFile(files, events, ending).map(({ tests }) =>
      tests.map(({ outcome, text }) => text ?? outcome).join(' '),
    );
  const whole = [mark('a'), passed, passed, mark('b'), passed, mark('c'), passed];
  assert.deepEqual(of(whole), ['passed passed', 'passed', 'passed']);
  assert.deepEqual(of(whole, 'SIGSEGV'), ['passed passed', 'passed', 'passed SIGSEGV']);
  assert.deepEqual(of(whole.slice(0, 5), 'SIGSEGV'), [
    ...['passed passed', 'passed SIGSEGV', 'SIGSEGV'],
  ]);
  assert.deepEqual(of([], 'exit code 1'), ['exit code 1', 'exit code 1', 'exit code 1']);
});

const passed: TestEvent = { outcome: 'passed', name: 'works' };
const failed: TestEvent = { outcome: 'failed', name: 'breaks', text: 'Error: no\nat x' };
const skipped: TestEvent = { outcome: 'skipped', name: 'waits', text: 'needs root' };

function result(tests: readonly TestEvent[], output = ''): FileResult {
  return { file: 'src/a.test.ts', tests, output, elapsedMs: 1234 };
}

test('a file that ends abnormally has failed even if all its tests passed', () => {
  assert.deepEqual(closeBooks([passed], 'exit code 1'), [
    passed,
    { outcome: 'failed', name: '(the file itself)', text: 'exit code 1' },
  ]);
  assert.deepEqual(closeBooks([failed], 'exit code 1'), [failed]);
});

test('messages of a test are shown and do not make a file pass', () => {
  const told: TestEvent = { outcome: 'told', name: '100 pods Ready in 20 s' };
  assert.deepEqual(toldLines(result([told, passed])), ['    100 pods Ready in 20 s']);
  assert.deepEqual(toldLines(result([{ ...passed, ms: 12_340 }])), ['    12.3 s: works']);
  assert.equal(closeBooks([told], undefined).at(-1)?.outcome, 'failed');
});

test('a file without a test has failed', () => {
  assert.equal(closeBooks([], undefined)[0]?.outcome, 'failed');
});

test('the totals are one line that automation can read', () => {
  const totals = total([result([passed, skipped]), result([failed, passed])]);
  assert.equal(totalsLine(totals), '2 passed, 1 failed, 1 skipped');
});

test('a file has one line with its verdict, tests and time', () => {
  const line = (tests: readonly TestEvent[]): string =>
    fileLine('unit', result(tests)).replaceAll(/ +/g, ' ');
  assert.equal(line([passed]), 'ok unit src/a.test.ts 1 test 1.2 s');
  assert.equal(
    line([passed, failed, skipped]),
    'FAIL unit src/a.test.ts 2 tests, 1 failed, 1 skipped 1.2 s',
  );
  assert.equal(line([skipped]), 'skip unit src/a.test.ts 0 tests, 1 skipped 1.2 s');
});

test('a failure shows the whole error and the output of the file', () => {
  assert.equal(
    failureText(result([passed, failed], 'log line\n')),
    `  not ok: breaks
    Error: no
    at x
  output of src/a.test.ts:
    log line`,
  );
});

test('a failure shows lines of the TypeScript source', () => {
  const compiled = resolve('dist/tools/test/source-lines.js');
  const row = readFileSync(compiled, 'utf8').split('\n').indexOf('function readMap(path) {') + 1;
  const own = readFileSync('tools/test/source-lines.ts', 'utf8').split('\n');
  const source = own.findIndex((line) => line.startsWith('function readMap')) + 1;
  assert.equal(
    withSourceLines(`at a (file://${compiled}:${row}:10)\n${compiled}:${row}\nat /b.js:1:2`),
    `at a (tools/test/source-lines.ts:${source}:10)\ntools/test/source-lines.ts:${source}:1\nat /b.js:1:2`,
  );
});

test('reasons of skipped tests are shown once each', () => {
  assert.deepEqual(skipText([result([skipped, skipped, passed])]), ['2 skipped: needs root']);
});

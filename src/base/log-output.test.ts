import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { LogOutput } from './log-output.ts';

/** A disk with room for this number of bytes, as write(2) shows it. */
function disk(): { room: number; text: string; write(bytes: Uint8Array): number } {
  return {
    room: Number.POSITIVE_INFINITY,
    text: '',
    write(bytes) {
      if (this.room === 0) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
      const written = bytes.subarray(0, this.room);
      this.room -= written.length;
      this.text += Buffer.from(written);
      return written.length;
    },
  };
}

function outputTo(target: { write(bytes: Uint8Array): number }, patienceMs = 0): LogOutput {
  return new LogOutput({
    write: (bytes) => target.write(bytes),
    fields: { node: 'node-1' },
    patienceMs,
  });
}

test('a full disk loses lines, which are counted, and one line reports it when there is room', () => {
  const full = disk();
  const output = outputTo(full);
  output.write('{"n":1}\n');
  full.room = 0;
  for (const n of [2, 3, 4]) output.write(`{"n":${n}}\n`);
  assert.deepEqual([output.lostLines, output.problem], [3, 'ENOSPC: no space']);
  full.room = Number.POSITIVE_INFINITY;
  for (const n of [5, 6]) output.write(`{"n":${n}}\n`);
  const lines = full.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { time, ...notice } = lines[1];
  assert.match(String(time), /^\d{4}-/);
  const msg = 'lines of this log were lost';
  const fields = { node: 'node-1', lines: 3, problem: 'ENOSPC: no space' };
  assert.deepEqual(
    [lines[0], notice, ...lines.slice(2)],
    [{ n: 1 }, { level: 'warn', ...fields, msg }, { n: 5 }, { n: 6 }],
  );
  assert.deepEqual([output.lostLines, output.problem], [3, undefined]);
});

test('a line cut by a full disk ends before the next one', () => {
  const full = disk();
  const output = outputTo(full);
  full.room = 4;
  output.write('{"n":1}\n');
  assert.equal(output.lostLines, 1);
  full.room = Number.POSITIVE_INFINITY;
  assert.equal(output.retry(), true);
  const [cut, notice, end] = full.text.split('\n');
  assert.deepEqual([cut, JSON.parse(notice ?? '').lines, end], ['{"n"', 1, '']);
});

test('a stalled reader delays one line, not each', () => {
  let calls = 0;
  const stalled = {
    write: () => {
      calls++;
      throw Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' });
    },
  };
  const output = outputTo(stalled, 30);
  output.write('1\n');
  const first = calls;
  output.write('2\n');
  output.write('3\n');
  assert.ok(first > 1, String(first));
  assert.deepEqual([calls - first, output.lostLines], [2, 3]);
});

const script = `
  import { standardError } from ${JSON.stringify(new URL('log-output.js', import.meta.url).href)};
  const output = standardError();
  for (let n = 0; n < 3000; n++) output.write('x'.repeat(100) + '\\n');
  console.log(output.lostLines);`;

for (const [what, redirection] of [
  ['a full disk', '2>/dev/full'],
  ['a reader that has ended', '2> >(true); sleep 0'],
  ['a reader that never reads', '2> >(exec sleep 5 >/dev/null 2>&1)'],
] as const) {
  test(`standard error that is ${what} neither ends nor blocks the process`, async () => {
    const command = `"$0" --input-type=module -e "$1" ${redirection}`;
    const args = ['-c', command, process.execPath, script];
    const { stdout } = await promisify(execFile)('bash', args, { timeout: 4000 });
    assert.ok(Number(stdout) > 2000, stdout);
  });
}

import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type Address, parseAddress } from '../../net/address.ts';
import { AddressCooldown } from './cooldown.ts';

const root = mkdtempSync(path.join(tmpdir(), 'heddle-cooldown-'));
after(() => rmSync(root, { recursive: true }));

const one = parseAddress('192.0.2.2');
const two = parseAddress('2001:db8::2');

/** A clock that a test moves, and restarts. */
function bench(file = path.join(mkdtempSync(path.join(root, 'state-')), 'released')) {
  const clock = { monotonicMs: 5000, bootId: 'boot-1' };
  const open = (cooldownMs = 30_000) =>
    new AddressCooldown({
      file,
      cooldownMs,
      monotonicMs: () => clock.monotonicMs,
      bootId: clock.bootId,
    });
  const pass = (ms: number) => {
    clock.monotonicMs += ms;
  };
  return { clock, open, pass, file };
}

function isCooling(cooldown: AddressCooldown, address: Address): boolean {
  return cooldown.freeAtMs(address) !== undefined;
}

test('withholds an address for its time, and again after another release', () => {
  const { open, pass } = bench();
  const cooldown = open();
  cooldown.release([one]);
  pass(20_000);
  assert.ok(isCooling(cooldown, one));
  assert.ok(!isCooling(cooldown, two));
  cooldown.release([one, two]);
  pass(29_999);
  assert.ok(isCooling(cooldown, one) && isCooling(cooldown, two));
  pass(1);
  assert.ok(!isCooling(cooldown, one) && !isCooling(cooldown, two));
});

test('withholds and writes nothing if it is off', () => {
  const { open, file } = bench();
  const cooldown = open(0);
  cooldown.release([one]);
  assert.ok(!isCooling(cooldown, one));
  assert.throws(() => readFileSync(file), { code: 'ENOENT' });
});

test('is independent of the wall clock, within one run and between two', (context) => {
  const { open, pass } = bench();
  let cooldown = open();
  cooldown.release([one]);
  for (const jump of [-10_000_000, 20_000_000]) {
    const wall = Date.now() + jump;
    context.mock.method(Date, 'now', () => wall);
    pass(1000);
    assert.ok(isCooling(cooldown, one));
    cooldown = open();
    assert.ok(isCooling(cooldown, one));
  }
  pass(27_999);
  assert.ok(isCooling(cooldown, one));
  pass(1);
  assert.ok(!isCooling(cooldown, one) && !isCooling(open(), one));
});

test('continues for the rest of the time after a restart', () => {
  const { open, pass } = bench();
  open().release([one, two]);
  pass(20_000);
  const restarted = open();
  assert.ok(isCooling(restarted, one) && isCooling(restarted, two));
  pass(9999);
  assert.ok(isCooling(restarted, one));
  pass(1);
  assert.ok(!isCooling(restarted, one));
});

test('withholds an address for the whole time once more after a boot, and no longer', () => {
  const { open, pass, clock } = bench();
  open().release([one]);
  pass(29_000);
  clock.bootId = 'boot-2';
  clock.monotonicMs = 7;
  const rebooted = open();
  pass(29_999);
  assert.ok(isCooling(rebooted, one) && isCooling(open(), one));
  pass(1);
  assert.ok(!isCooling(rebooted, one));
});

test("by default uses the kernel's clock and boot id, which all processes share", () => {
  const { file } = bench();
  new AddressCooldown({ file, cooldownMs: 30_000 }).release([one]);
  const uptimeMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  const [boot, at] = readFileSync(file, 'utf8').split(' ');
  assert.equal(boot, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  assert.ok(Number(at) <= uptimeMs + 1000 && Number.isInteger(Number(at)));
  assert.ok(isCooling(new AddressCooldown({ file, cooldownMs: 30_000 }), one));
});

test('skips lines that are not releases, and a truncated one', () => {
  const { open, file, clock } = bench();
  const at = `${clock.bootId} ${clock.monotonicMs}`;
  writeFileSync(file, `garbage\n\n7\n${at} 192.0.2\nx y 192.0.2.3\n`);
  appendFileSync(file, `${at} ${one}\n${at} 192.0.2.7`);
  const cooldown = open();
  assert.ok(isCooling(cooldown, one));
  assert.ok(!isCooling(cooldown, parseAddress('192.0.2.7')));
  cooldown.release([two]);
  const next = open();
  assert.ok(
    isCooling(next, one) && isCooling(next, two),
    'nothing was appended to the cut-off line',
  );
});

test('works in memory if nothing can be written', () => {
  const { open } = bench('/proc/heddle-no-such/released');
  const cooldown = open();
  cooldown.release([one]);
  assert.ok(isCooling(cooldown, one));
});

test('keeps its file short', () => {
  const { open, pass, file } = bench();
  const cooldown = open();
  for (let run = 0; run < 5000; run++) {
    pass(30_000);
    cooldown.release([one]);
  }
  assert.ok(readFileSync(file, 'utf8').split('\n').length < 1500);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { LegacyTable } from '../../../kernel/netfilter/legacy-tables.ts';
import { type LegacyPrint, LegacyRules } from './legacy-rules.ts';

const filter: LegacyTable = { family: 'ip', table: 'filter' };
const raw6: LegacyTable = { family: 'ip6', table: 'raw' };
const nat: LegacyTable = { family: 'ip', table: 'nat' };

interface Program {
  nowMs: number;
  takesMs: number;
  prints: LegacyPrint;
  readonly ran: string[];
}

function started(): { readonly program: Program; readonly rules: LegacyRules } {
  const program: Program = { nowMs: 0, takesMs: 1, prints: textOf(3), ran: [] };
  const print = ({ family, table }: LegacyTable): Promise<LegacyPrint> => {
    program.ran.push(`${family} ${table}`);
    program.nowMs += program.takesMs;
    return Promise.resolve(program.prints);
  };
  return { program, rules: new LegacyRules(print, () => program.nowMs) };
}

function textOf(packets: number, rule = '-A FORWARD -j DROP'): LegacyPrint {
  const chain = `:FORWARD ACCEPT [${packets}:${packets * 60}]`;
  return { text: `# at ${packets}\n*filter\n${chain}\n${rule}\nCOMMIT\n` };
}

test('existing tables except nat are printed, and used in the next check', async () => {
  const { program, rules } = started();
  assert.deepEqual(rules.look([]).read, []);
  assert.deepEqual(rules.look([nat]).read, []);
  assert.deepEqual(program.ran, []);
  assert.deepEqual(rules.look([nat, filter]).read, []);
  await setImmediate();
  assert.deepEqual(rules.look([nat, filter]).read, [{ name: 'ip filter', rules: 1 }]);
  assert.deepEqual(rules.look([nat]).ruleSets, [], 'none are left of tables that went');
  assert.deepEqual(program.ran, ['ip filter']);
});

test('after a listing there is a pause of ten seconds, or two hundred times its duration, unless new tables appear', async () => {
  const { program, rules } = started();
  for (const [tables, laterMs, expected] of [
    [[filter], 0, 1],
    [[filter], 9_000, 1],
    [[filter], 1_000, 2],
    [[filter, raw6], 0, 4],
  ] as const) {
    program.nowMs += laterMs;
    rules.look(tables);
    await setImmediate();
    assert.equal(program.ran.length, expected);
  }
  program.nowMs += 10_000;
  program.takesMs = 100;
  rules.look([filter, raw6]);
  await setImmediate();
  assert.equal(program.ran.length, 6);
  program.nowMs += 39_000;
  rules.look([filter, raw6]);
  await setImmediate();
  assert.equal(program.ran.length, 6, 'it rests');
  program.nowMs += 1_000;
  rules.look([filter, raw6]);
  await setImmediate();
  assert.equal(program.ran.length, 8);
});

test('unchanged rules are the same array, whatever their counters', async () => {
  const { program, rules } = started();
  const look = async () => {
    rules.look([filter]);
    await setImmediate();
    program.nowMs += 10_000;
    return rules.look([filter]).ruleSets;
  };
  const first = await look();
  program.prints = textOf(99);
  assert.equal(await look(), first);
  program.prints = textOf(99, '-A FORWARD -j ACCEPT');
  await look();
  assert.notEqual(await look(), first);
});

test('if the program fails, the table stays unread, with the reason', async () => {
  const { program, rules } = started();
  program.prints = { trouble: 'iptables-legacy-save is not installed where the agent runs' };
  rules.look([filter, raw6]);
  await setImmediate();
  const { ruleSets, read, unread, trouble } = rules.look([filter, raw6]);
  assert.deepEqual([ruleSets, read, unread], [[], [], ['ip filter', 'ip6 raw']]);
  assert.match(trouble ?? '', /not installed/);
});

test('if the listing fails, the tables stay unread, and the next listing is tried', async () => {
  let fails = true;
  let nowMs = 0;
  const print = (): Promise<LegacyPrint> =>
    fails ? Promise.reject(new RangeError('not as expected')) : Promise.resolve(textOf(3));
  const rules = new LegacyRules(print, () => nowMs);
  rules.look([filter]);
  await setImmediate();
  const { unread, trouble } = rules.look([filter]);
  assert.deepEqual([unread, trouble], [['ip filter'], 'reading it fails: not as expected']);
  fails = false;
  nowMs += 10_000;
  rules.look([filter]);
  await setImmediate();
  assert.deepEqual(rules.look([filter]).read, [{ name: 'ip filter', rules: 1 }]);
});

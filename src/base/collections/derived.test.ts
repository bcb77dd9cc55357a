import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../test/support/random.ts';
import { type Entries, KeyedCollection } from './collection.ts';
import { mapEach } from './derived.ts';
import { groupBy, joinByKey, joinWith } from './joined.ts';

function sorted<Key, Value>(entries: Iterable<readonly [Key, Value]>): readonly unknown[] {
  return [...entries].sort(([left], [right]) => (String(left) < String(right) ? -1 : 1));
}

/** Each word, grouped by its letters. */
function lettersOf(words: Entries<string, string>): Entries<string, string> {
  return mapEach(words, (word, key) => [...word].map((letter) => [letter, key]));
}

test('each source entry gives one entry, several or none, and they are deleted with it', () => {
  const words = new KeyedCollection<string, string>();
  const letters = lettersOf(words);
  words.set('1', 'ab');
  words.set('2', '');
  assert.deepEqual(Object.fromEntries(letters), { a: '1', b: '1' });
  const { revision } = letters;
  words.set('1', 'bc');
  assert.deepEqual(letters.changesSince(revision), [
    { kind: 'deleted', key: 'a' },
    { kind: 'added', key: 'c', value: '1' },
  ]);
  words.delete('1');
  assert.equal(letters.size, 0);
});

test('if several entries give the same key, the least one wins, in any order of changes', () => {
  const words = new KeyedCollection<string, string>();
  const letters = lettersOf(words);
  for (const [key, word, owner] of [
    ['2', 'a', '2'],
    ['3', 'a', '2'],
    ['1', 'a', '1'],
    ['2', 'b', '1'],
    ['1', '', '3'],
    ['2', 'a', '2'],
    ['3', '', '2'],
    ['2', '', undefined],
  ] as const) {
    words.set(key, word);
    assert.equal(letters.get('a'), owner, `${key} ${word}`);
  }
  assert.equal(letters.size, 0);
});

test('an equal result changes nothing downstream', () => {
  const numbers = new KeyedCollection<string, number>();
  let computed = 0;
  const parity = mapEach(numbers, (number, key) => [[key, number % 2]]);
  const names = mapEach(parity, (odd, key) => {
    computed++;
    return [[key, odd === 1 ? 'odd' : 'even']];
  });
  numbers.set('a', 1);
  assert.equal(names.get('a'), 'odd');
  numbers.set('a', 3);
  assert.equal(names.get('a'), 'odd');
  assert.equal(computed, 1);
});

test('the reader gets the error of a function, and the next read calls the function again', () => {
  const numbers = new KeyedCollection<string, number>();
  let isBroken = true;
  const halves = mapEach(numbers, (number, key) => {
    if (number % 2 === 1 && isBroken) throw new Error(`${number} is odd`);
    return [[key, number / 2]];
  });
  const doubled = joinWith(halves, new KeyedCollection<string, number>(), {
    rightOf: () => undefined,
    entriesOf: (half, _, key) => [[key, half * 4]],
  });
  for (const [key, value] of [
    ['a', 2],
    ['b', 3],
    ['c', 4],
  ] as const) {
    numbers.set(key, value);
  }
  assert.throws(() => doubled.get('a'), /3 is odd/);
  isBroken = false;
  assert.deepEqual(Object.fromEntries(doubled), { a: 4, b: 6, c: 8 });
});

test('a group exists from its first member to its last', () => {
  const words = new KeyedCollection<string, string>();
  const byLength = groupBy(words, ({ length }) => (length === 0 ? undefined : length));
  words.set('a', 'one');
  words.set('b', 'two');
  words.set('c', '');
  assert.deepEqual([...(byLength.get(3)?.keys() ?? [])], ['a', 'b']);
  const { revision } = byLength;
  words.set('b', 'three');
  assert.deepEqual(
    byLength.changesSince(revision)?.map(({ kind, key }) => `${kind} ${key}`),
    ['changed 3', 'added 5'],
  );
  words.delete('a');
  words.delete('b');
  assert.equal(byLength.size, 0);
});

test('an added, changed or deleted entry on the right updates all entries that refer to it', () => {
  const [pods, nodes] = [
    new KeyedCollection<string, string>(),
    new KeyedCollection<string, string>(),
  ];
  let computed = 0;
  const zones = joinWith(pods, nodes, {
    rightOf: (node) => node,
    entriesOf: (_, zone, pod) => {
      computed++;
      return zone === undefined ? [] : [[pod, zone]];
    },
  });
  for (const [pod, node] of ['a x', 'b x', 'c y'].map((each) => each.split(' '))) {
    pods.set(pod ?? '', node ?? '');
  }
  assert.equal(zones.size, 0);
  nodes.set('x', 'east');
  nodes.set('y', 'east');
  assert.deepEqual(Object.fromEntries(zones), { a: 'east', b: 'east', c: 'east' });
  computed = 0;
  nodes.set('y', 'west');
  assert.equal(zones.get('c'), 'west');
  assert.equal(computed, 1);
  pods.set('a', 'y');
  nodes.delete('x');
  assert.deepEqual(Object.fromEntries(zones), { a: 'west', c: 'west' });
});

test('a chain that is read seldom or often equals one computed from scratch', (context) => {
  const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
  context.diagnostic(`HEDDLE_SEED=${seed}`);
  const random = seededRandom(seed);
  const chain = (words: Entries<string, string>) => {
    const letters = lettersOf(words);
    const owned = groupBy(letters, (key) => key);
    const counts = mapEach(owned, (members, key) => [[key, [...members.keys()].sort().join('')]]);
    const back = joinWith(words, counts, {
      rightOf: (_, key) => key,
      entriesOf: (word, own = '', key) => [[`${key} of ${word}`, own]],
    });
    return { letters, counts, back };
  };
  const words = new KeyedCollection<string, string>();
  const chains = [2, 60, 3_000].map((pace) => ({ pace, ...chain(words) }));
  for (let step = 0; step < 20_000; step++) {
    const isFalling = Math.floor(step / 3_000) % 2 === 1;
    const key = `w${random.below(1_000)}`;
    if (random.oneIn(isFalling ? 1.3 : 4)) words.delete(key);
    else words.set(key, [...'abcdefghij'].filter(() => random.oneIn(4)).join(''));
    for (const { pace, letters, counts, back } of chains) {
      if (!random.oneIn(pace * 20)) continue;
      const copy = new KeyedCollection<string, string>();
      for (const [each, word] of [...words].reverse()) copy.set(each, word);
      const expected = chain(copy);
      const where = `HEDDLE_SEED=${seed}, step ${step}, pace ${pace}`;
      assert.deepEqual(sorted(letters), sorted(expected.letters), where);
      assert.deepEqual(sorted(counts), sorted(expected.counts), where);
      assert.deepEqual(sorted(back), sorted(expected.back), where);
    }
  }
});

test('a join by key follows both sides and has what they give together', () => {
  const names = new KeyedCollection<string, string>();
  const ages = new KeyedCollection<string, number>();
  let computed = 0;
  const both = joinByKey(names, ages, (name, age, key) => {
    computed++;
    return name === 'no one' ? undefined : `${key}: ${name}, ${age ?? 'ageless'}`;
  });
  names.set('a', 'Ada');
  names.set('b', 'no one');
  ages.set('c', 7);
  assert.deepEqual(Object.fromEntries(both), { a: 'a: Ada, ageless' });
  computed = 0;
  ages.set('a', 36);
  names.set('b', 'Bob');
  assert.deepEqual(Object.fromEntries(both), { a: 'a: Ada, 36', b: 'b: Bob, ageless' });
  assert.equal(computed, 2);
  const { revision } = both;
  ages.delete('a');
  names.delete('b');
  assert.deepEqual(both.changesSince(revision), [
    { kind: 'deleted', key: 'b' },
    { kind: 'changed', key: 'a', value: 'a: Ada, ageless' },
  ]);
});

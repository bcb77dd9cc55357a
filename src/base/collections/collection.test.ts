import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../test/support/random.ts';
import { type Change, changesAfter, KeyedCollection } from './collection.ts';

function collectionOf(values: Readonly<Record<string, number>>): KeyedCollection<string, number> {
  const made = new KeyedCollection<string, number>();
  for (const [key, value] of Object.entries(values)) made.set(key, value);
  return made;
}

/** `+a=1` added, `~a=2` changed, `-a` deleted. */
function texts(changes: readonly Change<string, number>[] | undefined): string {
  const found = changes?.map((change) => {
    if (change.kind === 'deleted') return `-${change.key}`;
    return `${change.kind === 'added' ? '+' : '~'}${change.key}=${change.value}`;
  });
  return found?.join(' ') ?? 'too old';
}

const cases: readonly (readonly [
  what: string,
  write: (subject: KeyedCollection<string, number>) => void,
  since: string,
])[] = [
  ['nothing', () => undefined, ''],
  ['a new key', (subject) => subject.set('c', 3), '+c=3'],
  ['another value', (subject) => subject.set('a', 7), '~a=7'],
  ['the same value', (subject) => subject.set('a', 1), ''],
  ['a deleted key', (subject) => subject.delete('a'), '-a'],
  ['a key that is not there', (subject) => subject.delete('x'), ''],
  [
    'two changes of one',
    (subject) => {
      subject.set('a', 7);
      subject.set('b', 8);
      subject.set('a', 9);
    },
    '~b=8 ~a=9',
  ],
  [
    'one that came and went',
    (subject) => {
      subject.set('c', 3);
      subject.delete('c');
    },
    '',
  ],
  [
    'one that went and came back',
    (subject) => {
      subject.delete('a');
      subject.set('a', 1);
    },
    '~a=1',
  ],
  [
    'one that went, came back and went',
    (subject) => {
      subject.delete('a');
      subject.set('a', 1);
      subject.delete('a');
    },
    '-a',
  ],
];
for (const [what, write, since] of cases) {
  test(`changes since a revision: ${what}`, () => {
    const subject = collectionOf({ a: 1, b: 2 });
    const before = subject.revision;
    write(subject);
    assert.equal(texts(subject.changesSince(before)), since);
    assert.equal(subject.revision > before, since !== '' || what === 'one that came and went');
    assert.equal(texts(subject.changesSince(subject.revision)), '');
  });
}

test('entries are in insertion order, and values are the same array while nothing changes', () => {
  const subject = collectionOf({ a: 1, b: 2, c: 3 });
  subject.set('a', 7);
  const values = subject.values();
  assert.deepEqual(values, [7, 2, 3]);
  subject.set('a', 7);
  assert.equal(subject.values(), values);
  subject.delete('b');
  subject.set('b', 8);
  assert.deepEqual(
    [...subject],
    [
      ['a', 7],
      ['c', 3],
      ['b', 8],
    ],
  );
});

test('values that are equal by the given rule change nothing', () => {
  const subject = new KeyedCollection<string, { id: number; label: string }>({
    equal: (left, right) => left.id === right.id,
  });
  const first = { id: 1, label: 'x' };
  subject.set('a', first);
  assert.equal(subject.set('a', { id: 1, label: 'y' }), false);
  assert.equal(subject.get('a'), first);
  assert.equal(subject.revision, 1);
});

test('a revision older than the remembered deletions is too old, and so is a revision of another collection', () => {
  const subject = new KeyedCollection<string, number>();
  for (let index = 0; index < 1_000; index++) subject.set(`k${index}`, index);
  const early = subject.revision;
  subject.delete('k0');
  const later = subject.revision;
  for (let index = 1; index < 900; index++) subject.delete(`k${index}`);
  assert.equal(subject.changesSince(early), undefined);
  assert.equal(subject.changesSince(later), undefined);
  assert.equal(subject.changesSince(subject.revision + 1), undefined);
  assert.equal(subject.changesSince(0)?.length, 100, 'a new reader has missed nothing');
  // 256 are remembered in any case.
  assert.equal(subject.changesSince(subject.revision - 256)?.length, 256);
  const recovered = changesAfter(subject, early, () => ['k1', 'k950']);
  assert.equal(recovered.length, 101);
  assert.deepEqual(recovered[0], { kind: 'deleted', key: 'k1' });
});

test('changed entries are found without reading unchanged ones', () => {
  const subject = new KeyedCollection<string, number>();
  for (let index = 0; index < 100_000; index++) subject.set(`k${index}`, index);
  const before = subject.revision;
  subject.set('k5', -5);
  subject.delete('k7');
  let looked = 0;
  const { get } = Map.prototype;
  Map.prototype.get = function count(this: Map<unknown, unknown>, key): unknown {
    looked++;
    return get.call(this, key);
  };
  try {
    assert.equal(texts(subject.changesSince(before)), '~k5=-5 -k7');
  } finally {
    Map.prototype.get = get;
  }
  assert.ok(looked <= 2, String(looked));
});

/** Follows a collection from time to time, as a reader does. */
function reader(subject: KeyedCollection<string, number>) {
  const known = new Map<string, number>();
  let revision = 0;
  return {
    known,
    follow: (): void => {
      for (const change of changesAfter(subject, revision, () => known.keys())) {
        if (change.kind === 'deleted') known.delete(change.key);
        else known.set(change.key, change.value);
      }
      revision = subject.revision;
    },
  };
}

test('after random writes, a reader that follows at any time has the current entries', (context) => {
  const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
  context.diagnostic(`HEDDLE_SEED=${seed}`);
  const random = seededRandom(seed);
  const subject = new KeyedCollection<string, number>();
  const model = new Map<string, number>();
  const readers = [2, 10, 400, 4_000].map((pace) => ({ pace, ...reader(subject) }));
  for (let step = 0; step < 20_000; step++) {
    // Waves, so that more is deleted than remembered.
    const isFalling = Math.floor(step / 2_500) % 2 === 1;
    const key = `k${random.below(2_000)}`;
    if (random.oneIn(isFalling ? 1.2 : 4)) {
      assert.equal(subject.delete(key), model.delete(key));
    } else {
      const value = random.below(3);
      assert.equal(subject.set(key, value), model.get(key) !== value);
      model.set(key, value);
    }
    for (const { pace, known, follow } of readers) {
      if (!random.oneIn(pace)) continue;
      follow();
      assert.deepEqual(known, model, `HEDDLE_SEED=${seed}, step ${step}, pace ${pace}`);
    }
  }
  assert.equal(subject.size, model.size);
  assert.deepEqual(new Map(subject), model);
});

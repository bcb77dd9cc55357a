import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { event, servedPage } from '../../../test/support/api-protocol.ts';
import { isWatch, type Reflected, reflect } from '../../../test/support/reflected.ts';
import { Contradictions } from './contradictions.ts';

const times = { doubtMs: 5_000, recheckedMs: 600_000 };
const replaced = { text: 'b replaces a', isLoss: false };
const lost = { text: 'b is missing', isLoss: true };

type Step = readonly [seconds: number, what: typeof lost | undefined, by?: 'watch'];

const rows: readonly {
  readonly what: string;
  readonly steps: readonly Step[];
  readonly believed: boolean;
}[] = [
  { what: 'a value in one list', steps: [[0, replaced]], believed: false },
  {
    what: 'a value in three lists',
    steps: [
      [0, replaced],
      [5, replaced],
      [15, replaced],
    ],
    believed: true,
  },
  {
    what: 'a value in three simultaneous lists',
    steps: [
      [0, replaced],
      [1, replaced],
      [2, replaced],
    ],
    believed: false,
  },
  {
    what: 'a value with a well list between',
    steps: [
      [0, replaced],
      [5, undefined],
      [15, replaced],
      [20, replaced],
    ],
    believed: false,
  },
  {
    what: 'a value in another place each time',
    steps: [
      [0, replaced],
      [5, { text: 'c replaces a', isLoss: false }],
      [15, replaced],
    ],
    believed: false,
  },
  {
    what: 'a loss in many lists',
    steps: [0, 30, 60, 90, 599].map((seconds) => [seconds, lost]),
    believed: false,
  },
  {
    what: 'a loss for ten minutes',
    steps: [
      [0, lost],
      [30, lost],
      [601, lost],
    ],
    believed: true,
  },
  {
    what: 'a loss first reported by a watch',
    steps: [
      [0, lost, 'watch'],
      [601, lost],
    ],
    believed: true,
  },
  {
    what: 'a loss that a watch took back',
    steps: [
      [0, lost],
      [300, undefined, 'watch'],
      [601, lost],
    ],
    believed: false,
  },
];

for (const { what, steps, believed } of rows)
  test(`${what} is ${believed ? 'believed' : 'not believed'}`, () => {
    const contradictions = new Contradictions(times);
    let last: ReadonlySet<string> = new Set();
    for (const [seconds, told, by] of steps) {
      const now = seconds * 1_000;
      if (by === 'watch') contradictions.seen('a', told, now);
      else last = contradictions.note(new Map(told && [['a', told]]), now).believed;
    }
    assert.equal(last.has('a'), believed);
  });

const wrong = '2025-01-01T00:00:00Z';
const right = '2026-01-01T00:00:00Z';

const namespace = (creationTimestamp: string, version: string, uid?: string): object => ({
  metadata: { name: 'a', resourceVersion: version, creationTimestamp, uid },
});

interface Server {
  readonly lists: (index: number) => object;
  readonly watches?: (index: number) => string | undefined;
}

async function serving(
  context: TestContext,
  { lists, watches = () => undefined }: Server,
  recheckedMs = 600_000,
): Promise<Reflected> {
  let list = 0;
  let watch = 0;
  return reflect(
    context,
    (_, response, url) => {
      if (!isWatch(url)) {
        response.end(servedPage([lists(list++)]));
        return;
      }
      response.writeHead(200).flushHeaders();
      response.write(watches(watch++) ?? '');
    },
    { doubtMs: 50, settledMs: 20, recheckMs: 50, recheckedMs },
  );
}

test('an error in the first list is corrected as soon as a watch contradicts it', async (context) => {
  const running = await serving(context, {
    lists: (index) => namespace(index === 0 ? wrong : right, '5'),
    watches: (index) => (index === 0 ? event('MODIFIED', namespace(right, '12')) : undefined),
  });
  await running.until(() => running.problems().length === 1);
  assert.equal(running.createdAt('a'), Date.parse(wrong));
  await running.until(() => running.createdAt('a') === Date.parse(right));
  assert.deepEqual(running.problems(), []);
});

test('a loss repeated by lists for long enough is accepted, without three extra lists each time', async (context) => {
  const running = await serving(
    context,
    {
      lists: (index) => namespace(right, '5', index === 0 ? 'u-1' : undefined),
      watches: (index) => (index === 0 ? event('ERROR', { code: 410 }) : undefined),
    },
    1_000,
  );
  await running.until(() => running.problems().length === 1);
  assert.equal(running.uid('a'), 'u-1');
  await running.until(() => running.keys().length === 1 && running.uid('a') === undefined);
  assert.deepEqual(running.problems(), []);
  assert.equal(running.reflector.state.doubt, undefined);
});

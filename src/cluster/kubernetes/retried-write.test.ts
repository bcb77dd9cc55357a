import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { AnswerError, ApiError, ConnectionError } from './client/api-error.ts';
import { RetriedWrite, type WriteTimes } from './retried-write.ts';

const times: WriteTimes = { firstMs: 1_000, transientMs: 30_000, refusedMs: 300_000 };

/** Lets woken code run until it waits again. */
async function turn(): Promise<void> {
  for (let count = 0; count < 10; count++) await Promise.resolve();
}

interface Scene {
  readonly write: RetriedWrite;
  /** Seconds after the begin at which it was sent. */
  readonly sentAt: number[];
  /** Advances time second by second. */
  pass(seconds: number): Promise<void>;
  want(): void;
}

function scene(context: TestContext, answer: (attempt: number) => Error | undefined): Scene {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const stop = new AbortController();
  context.after(() => stop.abort());
  const sentAt: number[] = [];
  let now = 0;
  const write = new RetriedWrite({
    signal: stop.signal,
    onRecovered: () => () => undefined,
    times,
    random: () => 1,
  });
  return {
    write,
    sentAt,
    want: () =>
      write.want({
        key: 'x',
        send: async () => {
          sentAt.push(now);
          const error = answer(sentAt.length);
          if (error !== undefined) throw error;
        },
      }),
    pass: async (seconds) => {
      await turn();
      for (let count = 0; count < seconds; count++) {
        now++;
        context.mock.timers.tick(1_000);
        await turn();
      }
    },
  };
}

const forbidden = new ApiError({ request: 'patch nodes', status: 403, message: 'no' });

test('a refusal is reported immediately and retried less and less often, however often it is requested', async (context) => {
  const { write, sentAt, pass, want } = scene(context, () => forbidden);
  for (let count = 0; count < 1_200; count++) {
    want();
    await pass(1);
  }
  assert.deepEqual(sentAt, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1_111]);
  assert.match(write.problem ?? '', /^patch nodes: 403 no/);
});

const transient: readonly (readonly [string, Error])[] = [
  ['no connection', new ConnectionError('https://192.0.2.1', new Error('x'))],
  ['a conflict', new ApiError({ request: 'patch nodes', status: 409 })],
  ['a taint list that has moved', new ApiError({ request: 'patch nodes', status: 422 })],
  ['overload', new ApiError({ request: 'patch nodes', status: 429 })],
  ['an etcd that takes nothing', new ApiError({ request: 'patch nodes', status: 500 })],
  ['a page in HTML', new AnswerError('html')],
];
for (const [what, error] of transient)
  test(`${what} may be transient: it is reported with the third failure and retried every half minute`, async (context) => {
    const { write, sentAt, pass, want } = scene(context, () => error);
    want();
    await pass(2);
    assert.deepEqual([sentAt, write.problem], [[0, 1], undefined]);
    await pass(118);
    assert.deepEqual(sentAt, [0, 1, 3, 7, 15, 31, 61, 91]);
    assert.equal(write.problem, error.message);
    write.want(undefined);
    assert.equal(write.problem, undefined);
    await pass(100);
    assert.equal(sentAt.length, 8);
  });

test('a successful write that does not become visible is not repeated without a pause', async (context) => {
  const { write, sentAt, pass, want } = scene(context, () => undefined);
  for (let count = 0; count < 60; count++) {
    want();
    await pass(1);
  }
  assert.deepEqual(sentAt, [0, 1, 3, 7, 15, 31]);
  assert.equal(write.problem, undefined);
});

test('a server that asks for more time gets it, up to a limit', async (context) => {
  const asked = new ApiError({ request: 'patch nodes', status: 503, retryAfterMs: 40_000 });
  const { sentAt, pass, want } = scene(context, (attempt) => (attempt === 1 ? asked : undefined));
  want();
  await pass(43);
  assert.deepEqual(sentAt, [0]);
  await pass(2);
  assert.equal(sentAt.length, 2);
});

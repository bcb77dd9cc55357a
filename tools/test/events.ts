// A reporter for node:test that writes one JSON object per line for every finished test and for every message of a test
// (`context.diagnostic`). tools/test/run-files.ts reads it.

const mark = 'tests of file ';

/**
 * The name of a pseudo-test that states which file's tests follow: node:test reports the tests of one process in their
 * order.
 */
export function fileMark(compiled: string): string {
  return mark + compiled;
}

/** The file that a mark names; undefined for a real test. */
export function markedFile(name: string): string | undefined {
  return name.startsWith(mark) ? name.slice(mark.length) : undefined;
}

interface FinishedTest {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly file?: string;
    readonly details?: {
      readonly type?: string;
      readonly error?: unknown;
      readonly duration_ms?: number;
    };
  };
}

export interface TestEvent {
  /** `told` is not an outcome: it is a message of a test for a person, such as a measured time. */
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'told';
  /** The name of the test; for `told`, the message. */
  readonly name: string;
  /** The error, or the reason for skipping. */
  readonly text?: string;
  /** Duration of the test; absent for `told` and `skipped`. */
  readonly ms?: number;
}

// biome-ignore lint/style/noDefaultExport: node:test takes a reporter as a module's default export.
export default async function* events(source: AsyncIterable<FinishedTest>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type === 'test:diagnostic' && !isTotal(data.message ?? ''))
      yield `${JSON.stringify({ outcome: 'told', name: data.message })}\n`;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const isSuite = data.details?.type === 'suite';
    if (isSuite && type === 'test:pass') continue;
    const event = describe(type === 'test:pass', data);
    if (event !== undefined) yield `${JSON.stringify(event)}\n`;
  }
}

/** A line of node:test's summary: `tests 12`. */
function isTotal(message: string): boolean {
  return /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(message);
}

function describe(passed: boolean, data: FinishedTest['data']): TestEvent | undefined {
  const skipped = data.skip ?? data.todo;
  if (skipped !== undefined && skipped !== false)
    return { outcome: 'skipped', name: data.name, text: String(skipped) };
  const { error, duration_ms: duration = 0 } = data.details ?? {};
  const ms = Math.round(duration);
  if (passed) return { outcome: 'passed', name: data.name, ms };
  if (isOnlyAboutChildren(error)) return undefined;
  return { outcome: 'failed', name: data.name, text: errorText(error), ms };
}

/** A parent fails when a child does; the child has reported the reason already. */
function isOnlyAboutChildren(error: unknown): boolean {
  return property(error, 'failureType') === 'subtestsFailed';
}

/** node:test wraps the thrown error; its stack, with the causes below, is what a person wants to read. */
function errorText(error: unknown): string {
  const cause = property(error, 'cause') ?? error;
  if (!(cause instanceof Error)) return String(cause);
  const nested = cause.cause === undefined ? '' : `\ncaused by: ${errorText(cause.cause)}`;
  return withoutRunner(cause.stack ?? cause.message) + nested;
}

/** The stack's frames inside Node.js are the same for every test. */
function withoutRunner(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => !/^\s+at .*node:(internal|async_hooks)/.test(line))
    .join('\n');
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

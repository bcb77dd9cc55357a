// A point in time on the monotonic clock. It is converted to wall-clock time only on request, so that an age stays
// correct when the wall clock is set.

import type { Brand } from './brand.ts';

/** Milliseconds of `performance.now()`: valid only in this process, and not a date. */
export type Moment = Brand<number, 'Moment'>;

/** The current moment. */
export function moment(): Moment {
  return performance.now() as Moment;
}

// The two clocks cannot be read at the same instant. A smaller difference is not a change of the wall clock, and the
// reported time stays the same.
const leastStepMs = 500;
let wallOffsetMs = Date.now() - performance.now();

/**
 * ISO 8601 by the current wall clock. The text for a moment stays the same until the wall clock is set. `at` may lie in
 * the future.
 */
export function wallTime(at: Moment): string {
  const offsetMs = Date.now() - performance.now();
  if (Math.abs(offsetMs - wallOffsetMs) > leastStepMs) wallOffsetMs = offsetMs;
  return new Date(wallOffsetMs + at).toISOString();
}

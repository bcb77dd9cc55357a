// A point in time on the clock that nobody sets. Told in wall-clock time only when somebody asks, so that an age stays what
// it is when the wall clock is set.

import type { Brand } from './brand.ts';

/** ms of `performance.now()`: of this process alone, and never a date. */
export type Moment = Brand<number, 'Moment'>;

/** Now. */
export function moment(): Moment {
  return performance.now() as Moment;
}

// The two clocks are not read at the same instant: less than this is no setting of the clock, and a moment is told as before.
const leastStepMs = 500;
let wallOffsetMs = Date.now() - performance.now();

/** ISO 8601, as the wall clock counts at present: the same each time until that is set. `at` may lie ahead. */
export function wallTime(at: Moment): string {
  const offsetMs = Date.now() - performance.now();
  if (Math.abs(offsetMs - wallOffsetMs) > leastStepMs) wallOffsetMs = offsetMs;
  return new Date(wallOffsetMs + at).toISOString();
}

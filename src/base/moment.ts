// A point in time on the clock that nobody sets. Told in wall-clock time only when somebody asks, so that an age stays what
// it is when the wall clock is set.

import type { Brand } from './brand.ts';

/** ms of `performance.now()`: of this process alone, and never a date. */
export type Moment = Brand<number, 'Moment'>;

/** Now. */
export function moment(): Moment {
  return performance.now() as Moment;
}

/** ISO 8601, as the wall clock counts at present; `at` may lie ahead. */
export function wallTime(at: Moment): string {
  return new Date(Date.now() + at - performance.now()).toISOString();
}

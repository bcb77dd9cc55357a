// How long the API server may take for what. Together they are short enough that an agent whose server misbehaved in any
// way is right again within a minute after the server is: the longest wait for an answer and the longest pause after it.

import type { BackoffOptions } from '../../../base/backoff.ts';

export interface ApiTimes {
  /** Name resolution, TCP and TLS, for each address. */
  readonly connectMs: number;
  /** From the request to the first byte of its answer: the server itself lets a request queue for 15 s at most. */
  readonly answerMs: number;
  /** Between two chunks of an answer that ends by itself. */
  readonly silenceMs: number;
  /** From the request to the end of such an answer, however steadily it drips. */
  readonly exchangeMs: number;
  /** How long a watch is asked for, at least; up to twice as long, so that a cluster's watches do not all end together. */
  readonly watchMs: number;
  /** How much later than asked for the server may end a watch. */
  readonly watchGraceMs: number;
  /** Between two events of a watch on a server that sends bookmarks, which it does every minute. */
  readonly watchSilenceMs: number;
  /** For the rest of an event whose first bytes are here. */
  readonly halfEventMs: number;
  /** A watch that lived this long works. */
  readonly settledMs: number;
  /** Until a doubtful list, or one that lacks what is known, is asked for again; doubtful, twice as long the second time. */
  readonly doubtMs: number;
  /** How often a doubtful list that was believed is looked at again, and for how long. */
  readonly recheckMs: number;
  readonly recheckedMs: number;
  /** How often everything is listed although watches hold; where there are many objects less often. */
  readonly relistMs: number;
  /** The longest that a server's Retry-After is obeyed: its own never ask for more than 32 s. */
  readonly longestRetryAfterMs: number;
  /** After this time without a word a resource is a problem. */
  readonly unheardMs: number;
  readonly backoff: Omit<BackoffOptions, 'random'>;
}

export const apiTimes: ApiTimes = {
  connectMs: 5_000,
  answerMs: 30_000,
  silenceMs: 20_000,
  exchangeMs: 40_000,
  watchMs: 300_000,
  watchGraceMs: 30_000,
  watchSilenceMs: 180_000,
  halfEventMs: 30_000,
  settledMs: 5_000,
  doubtMs: 5_000,
  recheckMs: 30_000,
  recheckedMs: 600_000,
  relistMs: 1_800_000,
  longestRetryAfterMs: 40_000,
  unheardMs: 900_000,
  backoff: { firstMs: 500, maxMs: 15_000 },
};

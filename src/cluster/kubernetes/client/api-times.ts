// Time limits for the API server. They ensure that an agent recovers within a minute after any fault of its server
// ends: the longest wait for an answer plus the longest pause after it.

import type { BackoffOptions } from '../../../base/backoff.ts';

export interface ApiTimes {
  /** Name resolution, TCP and TLS, per address. */
  readonly connectMs: number;
  /** From the request to the first byte of the answer. The server queues a request for at most 15 s. */
  readonly answerMs: number;
  /** Between two chunks of a finite answer. */
  readonly silenceMs: number;
  /** From the request to the end of a finite answer, even if data keeps arriving. */
  readonly exchangeMs: number;
  /**
   * Minimum duration requested for a watch. The actual one is up to twice as long, so that a cluster's watches do not
   * end together.
   */
  readonly watchMs: number;
  /** How long after the requested end the server may end a watch. */
  readonly watchGraceMs: number;
  /** Between two events of a watch on a server that sends bookmarks, which it does every minute. */
  readonly watchSilenceMs: number;
  /** For the rest of a partially received event. */
  readonly halfEventMs: number;
  /** A watch that lasts this long is working. */
  readonly settledMs: number;
  /**
   * Delay before a doubtful list, or one that lacks known objects, is repeated. The second delay of a doubtful list is
   * twice as long.
   */
  readonly doubtMs: number;
  /** Interval and duration of rechecks after a doubtful list was accepted. */
  readonly recheckMs: number;
  readonly recheckedMs: number;
  /** Interval of full lists while watches work; longer if there are many objects. */
  readonly relistMs: number;
  /** Longest Retry-After that is respected. Kubernetes servers ask for at most 32 s. */
  readonly longestRetryAfterMs: number;
  /** After this time without data from the server, a resource is reported as a problem. */
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

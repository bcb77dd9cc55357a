// The values of metrics of Services that are kept elsewhere.

/** Read at each scrape. */
export interface ServiceMetricValues {
  readonly services: number;
  /** Services that lack backends or frontends because a limit is reached. */
  readonly limited: number;
  readonly serviceChanges: number;
  readonly endpointChanges: number;
  /** Seconds since 1970; 0: never. */
  readonly lastQueuedAt: number;
  readonly lastSyncedAt: number;
  /** Answers by status code. */
  readonly healthz: Readonly<Record<string, number>>;
  readonly livez: Readonly<Record<string, number>>;
}

// How much a pod may send and receive. Rates are of IP packets as they would be on a wire, as the traffic counters are.

export interface RateLimit {
  readonly bitsPerSecond: number;
  /** What may pass at once after a pause; left to the data path where absent. */
  readonly burstBits?: number | undefined;
}

/** Seen from the pod; unlimited where absent. */
export interface Bandwidth {
  readonly ingress?: RateLimit | undefined;
  readonly egress?: RateLimit | undefined;
}

// Rate limits of a pod. Rates count IP packets as on the wire, like the traffic counters.

export interface RateLimit {
  readonly bitsPerSecond: number;
  /** Number of bits that may pass without delay after a pause; if absent, the data path chooses. */
  readonly burstBits?: number | undefined;
}

/** Limits from the pod's point of view; an absent one is unlimited. */
export interface Bandwidth {
  readonly ingress?: RateLimit | undefined;
  readonly egress?: RateLimit | undefined;
}

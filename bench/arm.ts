// One side of a comparison: a client and a server place joined by the network under test.

import type { BenchPlace } from './place.ts';

export interface Arm {
  readonly name: string;
  readonly client: BenchPlace;
  readonly server: BenchPlace;
  /** The server's address as the client reaches it (IPv4: sockperf 3.7 knows no other). */
  readonly address: string;
}

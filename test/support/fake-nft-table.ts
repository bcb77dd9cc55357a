// An nftables table in memory.

export interface FakeCollection {
  readonly kind: 'set' | 'map';
  /** Statements between the braces. */
  readonly content: string;
  /** Values by key; '' in a set. */
  readonly elements: ReadonlyMap<string, string>;
  readonly handle: number;
}

export interface FakeRule {
  readonly text: string;
  readonly comment: string;
  readonly handle: number;
}

export interface FakeChain {
  /** '': no base chain. */
  readonly place: string;
  readonly rules: readonly FakeRule[];
  readonly handle: number;
}

export interface FakeNftTable {
  readonly handle: number;
  readonly counters: ReadonlyMap<string, number>;
  readonly collections: ReadonlyMap<string, FakeCollection>;
  readonly chains: ReadonlyMap<string, FakeChain>;
}

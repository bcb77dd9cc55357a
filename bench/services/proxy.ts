// What the experiment asks of each proxy.

import type { BenchPlace } from '../place.ts';

/** The network of one proxy. All of them have the same addresses, so they read the same objects. */
export interface ProxyNetwork {
  readonly node: BenchPlace;
  /** A machine on the node's network. */
  readonly outside: BenchPlace;
  readonly client: BenchPlace;
  readonly server: BenchPlace;
}

export interface ColdSync {
  /** From the start of the process until all Services are in the kernel. */
  readonly seconds: number;
  /** Of these, the time after everything was read. */
  readonly writingSeconds: number;
}

export interface MeasuredProxy extends AsyncDisposable {
  readonly name: string;
  readonly network: ProxyNetwork;
  /** Pause before a change, so that it does not wait for the proxy's own minimum interval. */
  readonly restMs: number;
  /** Number of changes that are measured. */
  readonly changes: { readonly quick: number; readonly usual: number };
  /** Starts it on a node without any Service, and returns when it has written `services`. */
  start(services: number, signal: AbortSignal): Promise<ColdSync>;
  /** Of the running process. */
  readonly pid: number;
  /** Ends the process; what it wrote stays. */
  stop(): Promise<void>;
}

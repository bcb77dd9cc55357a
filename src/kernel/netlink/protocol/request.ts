// Requests to the kernel before they are encoded, and their receivers: a socket executes them immediately, a batch
// later.

import type { KernelError } from '../../errno.ts';
import type { MessageWriter } from './message.ts';

/** A request that changes something; the kernel answers with an acknowledgement or an error. */
export interface Request {
  /** Name in the shell, for errors: `route replace`. */
  readonly call: string;
  /** Subject with values: `192.0.2.0/24 via 198.51.100.1`. */
  readonly subject: string;
  /** RTM_*, or an nfnetlink subsystem and message. */
  readonly type: number;
  /** NLM_F_CREATE and others; REQUEST and ACK are added. */
  readonly flags: number;
  /** Writes the family's header and the attributes. */
  write(message: MessageWriter): void;
}

/** Receives requests: `NetlinkSocket` executes one and throws the kernel's error, a batch collects them. */
export interface RequestSink {
  submit(request: Request): void;
}

/** A query with one answer (`get`) or many (`dump`). `call`, `subject` and `type` as in Request. */
export interface Query {
  readonly call: string;
  readonly subject: string;
  readonly type: number;
  /** For a `get`, in addition to REQUEST. */
  readonly flags?: number;
  /** Parts of a dump's answers whose changes do not count. */
  readonly volatile?: VolatileAttributes | undefined;
  write(message: MessageWriter): void;
}

/** Attributes that change by themselves (ages, counters), after a header of this size. */
export interface VolatileAttributes {
  readonly headerBytes: number;
  readonly types: readonly number[];
}

/** Executes dumps. See `NetlinkSocket.dump`. */
export interface Dumps {
  dump<Result>(query: Query, read: (payload: Buffer) => Result | undefined): Result[];
}

/** One per request, in order: undefined on success. */
export type Outcomes = readonly (KernelError | undefined)[];

/** Requests of one send. */
export interface Piece {
  readonly requests: readonly Request[];
  /** The sequence number of the first. */
  readonly first: number;
}

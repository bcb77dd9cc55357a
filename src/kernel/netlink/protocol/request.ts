// What a verb asks of the kernel, before it is bytes; and who takes it: a socket at once, a batch for later.

import type { KernelError } from '../../errno.ts';
import type { MessageWriter } from './message.ts';

/** One request that changes something; the kernel answers it with an acknowledgement or an error. */
export interface Request {
  /** As the shell would say it, for errors: `route replace`. */
  readonly call: string;
  /** On what, with which values: `192.0.2.0/24 via 198.51.100.1`. */
  readonly subject: string;
  /** RTM_*, or an nfnetlink subsystem and message. */
  readonly type: number;
  /** NLM_F_CREATE and the like; REQUEST and ACK are added. */
  readonly flags: number;
  /** Writes the family's header and the attributes. */
  write(message: MessageWriter): void;
}

/** Takes a verb's request: `NetlinkSocket` performs it and throws what the kernel refuses, a batch collects it. */
export interface RequestSink {
  submit(request: Request): void;
}

/** A question with one answer (`get`) or many (`dump`). `call`, `subject` and `type` as in Request. */
export interface Query {
  readonly call: string;
  readonly subject: string;
  readonly type: number;
  /** Of a `get`, beside REQUEST. */
  readonly flags?: number;
  /** What of a dump's answers is no news when it changes. */
  readonly volatile?: VolatileAttributes | undefined;
  write(message: MessageWriter): void;
}

/** Attributes that change by themselves (ages, counters), after a header of this size. */
export interface VolatileAttributes {
  readonly headerBytes: number;
  readonly types: readonly number[];
}

/** Whom to ask for all there is of something. See `NetlinkSocket.dump`. */
export interface Dumps {
  dump<Result>(query: Query, read: (payload: Buffer) => Result | undefined): Result[];
}

/** One a request, in order: undefined where it was done. */
export type Outcomes = readonly (KernelError | undefined)[];

/** Requests that go out in one send. */
export interface Piece {
  readonly requests: readonly Request[];
  /** The sequence number of the first. */
  readonly first: number;
}

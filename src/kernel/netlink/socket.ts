// A netlink socket for requests and their answers. Everything is synchronous: the kernel processes a request within
// send(2), so its answer is available when send returns. The operations (link.ts, route.ts, ...) are functions over
// this.

import { KernelError } from '../errno.ts';
import { asideRequests, slowRequests } from './aside.ts';
import { readAcknowledgement } from './protocol/acknowledgement.ts';
import { isEnd, messagesOf, refused } from './protocol/answers.ts';
import { type Message, MessageWriter, messageFlags, messageTypes } from './protocol/message.ts';
import type { Dumps, Outcomes, Piece, Query, Request, RequestSink } from './protocol/request.ts';
import {
  KernelTransport,
  type NetlinkTransport,
  type TransportOptions,
} from './protocol/transport.ts';

/** `namespace`: the socket is created and stays there; default: the thread's own. `family`: default `route`. */
export type SocketOptions = Partial<Pick<TransportOptions, 'namespace' | 'family'>>;

// Acknowledgements queue in the receive buffer (at most ~1.3 kB each with overhead) while a send is processed, so a
// large batch is sent in pieces. The send buffer limits the bytes of a piece (208 KiB by default).
const pieceRequests = 64;
const pieceBytes = 64 * 1024;
// The kernel fills datagrams of a dump up to 32 KiB, and a single link may have 64 KiB of alternative names. One buffer
// for all sockets: received data is parsed before anything else runs, and a socket created for one pod is cheaper this
// way.
const receiveBytes = 96 * 1024;
const received: Buffer = Buffer.allocUnsafeSlow(receiveBytes);
const dumpAttempts = 10;

export class NetlinkSocket implements RequestSink, Dumps, Disposable {
  #transport: NetlinkTransport;
  readonly #writer = new MessageWriter();
  #sequence = 0;

  private constructor(transport: NetlinkTransport) {
    this.#transport = transport;
  }

  /** Throws KernelError. */
  static open({ namespace, family = 'route' }: SocketOptions = {}): NetlinkSocket {
    return new NetlinkSocket(new KernelTransport({ family, namespace }));
  }

  /** Uses another transport than the kernel's. The socket owns it. */
  static over(transport: NetlinkTransport): NetlinkSocket {
    return new NetlinkSocket(transport);
  }

  /** Executes one request. Throws KernelError with the operation and the kernel's own text. */
  submit(request: Request): void {
    const [failure] = this.submitAll([request]);
    if (failure === undefined) return;
    Error.captureStackTrace(failure, NetlinkSocket.prototype.submit);
    throw failure;
  }

  /**
   * Executes all requests, even after failures, in as few sends as possible. Throws KernelError only if the exchange
   * itself fails.
   */
  submitAll(requests: readonly Request[]): Outcomes {
    const outcomes: (KernelError | undefined)[] = [];
    while (outcomes.length < requests.length) {
      outcomes.push(...this.#submitPiece(requests, outcomes.length));
    }
    return outcomes;
  }

  /** Like `submitAll`, while this thread does other work. The socket belongs to the caller until it settles. */
  async submitAllAside(requests: readonly Request[]): Promise<Outcomes> {
    const outcomes: (KernelError | undefined)[] = [];
    while (outcomes.length < requests.length) {
      const piece = this.#writePiece(requests, outcomes.length);
      await this.#sendAside();
      outcomes.push(...this.#acknowledgements(piece.requests, piece.first));
    }
    return outcomes;
  }

  /**
   * Executes a request that takes the kernel long without blocking the event loop: on its own socket, up to three in
   * this process concurrently. Rejects with KernelError.
   */
  submitAsync(request: Request): Promise<void> {
    return slowRequests.run(async () => {
      using socket = new NetlinkSocket(this.#transport.sibling());
      socket.#write(request, messageFlags.acknowledge | request.flags);
      await socket.#transport.sendAsync(socket.#writer.bytes);
      const [failure] = socket.#acknowledgements([request], socket.#sequence);
      if (failure !== undefined) throw failure;
    });
  }

  /** Returns one answer, parsed by `read`. Throws KernelError (ENOENT, ENODEV: there is no such object). */
  get<Result>(query: Query, read: (payload: Buffer) => Result): Result {
    this.#writer.clear();
    this.#write(query, query.flags ?? 0);
    this.#transport.send(this.#writer.bytes);
    return this.#answer(query, read);
  }

  /** Like `get`, while this thread does other work. The socket belongs to the caller until it settles. */
  async getAside<Result>(query: Query, read: (payload: Buffer) => Result): Promise<Result> {
    this.#writer.clear();
    this.#write(query, query.flags ?? 0);
    await this.#sendAside();
    return this.#answer(query, read);
  }

  /**
   * Returns all answers, each parsed by `read` (undefined omits one). A list that changed while it was read
   * (NLM_F_DUMP_INTR) is read again. Throws KernelError (EAGAIN: it changed during every attempt).
   */
  dump<Result>(query: Query, read: (payload: Buffer) => Result | undefined): Result[] {
    for (let attempt = 0; attempt < dumpAttempts; attempt++) {
      const results = this.#whole(() => this.#dumpOnce(query, read));
      if (results !== undefined) return results;
    }
    const detail = `it changed during each of ${dumpAttempts} attempts`;
    throw new KernelError({ call: query.call, subject: query.subject, code: 'EAGAIN', detail });
  }

  /**
   * Like `dump`, for a list whose length another process controls: returns the first `most` answers, and whether these
   * are all. The kernel builds a list piece by piece and drops it with its socket, so a long one costs only its
   * beginning. A list that changes during every attempt is returned as it was read last.
   */
  dumpSome<Result>(
    query: Query,
    read: (payload: Buffer) => Result | undefined,
    most: number,
  ): { readonly results: readonly Result[]; readonly isWhole: boolean } {
    for (let attempt = 1; ; attempt++) {
      const { isInterrupted, ...some } = this.#dumpSomeOnce(query, read, most);
      if (!isInterrupted || attempt === dumpAttempts) return some;
    }
  }

  /**
   * Like `dump`, one datagram's answers at a time, while this thread does other work. The kernel builds the next part
   * on request. The socket belongs to the caller until the end, and must not be used again if the end is not reached.
   */
  async *dumpInPieces<Result>(
    query: Query,
    read: (payload: Buffer) => Result | undefined,
  ): AsyncGenerator<readonly Result[], void> {
    this.#writer.clear();
    this.#write(query, messageFlags.dump);
    await slowRequests.run(() => this.#transport.sendAsync(this.#writer.bytes));
    // Others receive into the shared buffer meanwhile.
    const into = Buffer.allocUnsafeSlow(receiveBytes);
    for (;;) {
      const results: Result[] = [];
      const length = await slowRequests.run(() => this.#transport.receiveAsync(into));
      for (const message of messagesOf(query, into, length)) {
        if (message.sequence !== this.#sequence) continue;
        if (isEnd(query, message)) {
          yield results;
          return;
        }
        const result = read(message.payload);
        if (result !== undefined) results.push(result);
      }
      yield results;
    }
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  #startOver(): void {
    const fresh = this.#transport.sibling();
    this.#transport[Symbol.dispose]();
    this.#transport = fresh;
  }

  /** Messages of a dump, including its end, for callers that stop there or earlier. */
  *#answers(query: Query): Generator<Message> {
    this.#writer.clear();
    this.#write(query, messageFlags.dump);
    this.#transport.send(this.#writer.bytes);
    for (;;) {
      for (const message of this.#receive(query)) {
        if (message.sequence === this.#sequence) yield message;
      }
    }
  }

  #submitPiece(requests: readonly Request[], start: number): Outcomes {
    const piece = this.#writePiece(requests, start);
    this.#transport.send(this.#writer.bytes);
    return this.#acknowledgements(piece.requests, piece.first);
  }

  #writePiece(requests: readonly Request[], start: number): Piece {
    this.#writer.clear();
    const first = this.#sequence + 1;
    let end = start;
    while (end < requests.length && end - start < pieceRequests) {
      const request = requests[end];
      if (request === undefined || this.#writer.length > pieceBytes) break;
      this.#write(request, messageFlags.acknowledge | request.flags);
      end++;
    }
    return { requests: requests.slice(start, end), first };
  }

  #sendAside(): Promise<void> {
    return asideRequests.run(() => this.#transport.sendAsync(this.#writer.bytes));
  }

  #write(request: Query, flags: number): void {
    this.#sequence++;
    this.#writer.begin(request.type, messageFlags.request | flags, this.#sequence);
    request.write(this.#writer);
    this.#writer.end();
  }

  #acknowledgements(requests: readonly Request[], first: number): Outcomes {
    const outcomes = new Array<KernelError | undefined>(requests.length).fill(undefined);
    const [head] = requests;
    for (let missing = requests.length; head !== undefined && missing > 0; ) {
      for (const message of this.#receive(head)) {
        const index = message.sequence - first;
        const request = requests[index];
        // Echoes, and answers to an earlier exchange that failed, are ignored.
        if (message.type !== messageTypes.error || request === undefined) continue;
        const acknowledgement = readAcknowledgement(message);
        if (acknowledgement.errno !== 0) outcomes[index] = refused(request, acknowledgement);
        missing--;
      }
    }
    return outcomes;
  }

  #answer<Result>(query: Query, read: (payload: Buffer) => Result): Result {
    for (;;) {
      for (const message of this.#receive(query)) {
        if (message.sequence !== this.#sequence) continue;
        if (message.type !== messageTypes.error) return read(message.payload);
        throw refused(query, readAcknowledgement(message));
      }
    }
  }

  #dumpSomeOnce<Result>(
    query: Query,
    read: (payload: Buffer) => Result | undefined,
    most: number,
  ): { results: readonly Result[]; isWhole: boolean; isInterrupted: boolean } {
    const results: Result[] = [];
    let isInterrupted = false;
    try {
      for (const message of this.#answers(query)) {
        if ((message.flags & messageFlags.dumpInterrupted) !== 0) isInterrupted = true;
        if (isEnd(query, message)) return { results, isWhole: true, isInterrupted };
        if (results.length === most) break;
        const result = read(message.payload);
        if (result !== undefined) results.push(result);
      }
    } catch (error) {
      this.#startOver();
      throw error;
    }
    this.#startOver();
    return { results, isWhole: false, isInterrupted };
  }

  /** Undefined if the list changed while it was read. */
  #dumpOnce<Result>(
    query: Query,
    read: (payload: Buffer) => Result | undefined,
  ): Result[] | undefined {
    const results: Result[] = [];
    let interrupted = false;
    for (const message of this.#answers(query)) {
      if ((message.flags & messageFlags.dumpInterrupted) !== 0) interrupted = true;
      if (isEnd(query, message)) break;
      const result = read(message.payload);
      if (result !== undefined) results.push(result);
    }
    return interrupted ? undefined : results;
  }

  /** The rest of an interrupted dump would make the next one fail (EBUSY). */
  #whole<Result>(dump: () => Result): Result {
    try {
      return dump();
    } catch (error) {
      while (this.#transport.receive(received) !== undefined);
      throw error;
    }
  }

  #receive(query: Query): readonly Message[] {
    return messagesOf(query, received, this.#transport.receive(received));
  }
}

// A netlink socket that asks and reads the answers. Everything is synchronous: the kernel works a request off within
// send(2), so that its answer is there when send returns. The verbs (link.ts, route.ts, ...) are functions over this.

import { KernelError } from '../errno.ts';
import type { NetworkNamespace } from '../namespace.ts';
import { asideRequests, slowRequests } from './aside.ts';
import { readAcknowledgement } from './protocol/acknowledgement.ts';
import { isEnd, messagesOf, refused } from './protocol/answers.ts';
import { type Message, MessageWriter, messageFlags, messageTypes } from './protocol/message.ts';
import type { Dumps, Outcomes, Piece, Query, Request, RequestSink } from './protocol/request.ts';
import {
  KernelTransport,
  type NetlinkFamily,
  type NetlinkTransport,
} from './protocol/transport.ts';

export interface SocketOptions {
  /** Where it is made and stays; the thread's own when absent. */
  readonly namespace?: NetworkNamespace | undefined;
  /** `route` (rtnetlink) unless given. */
  readonly family?: NetlinkFamily;
}

// Acknowledgements queue up in the receive buffer (at most ~1.3 kB each with their overhead) while one send is worked
// off, so a big batch goes out in pieces. The send buffer bounds a piece's bytes (208 KiB by default).
const pieceRequests = 64;
const pieceBytes = 64 * 1024;
// The kernel fills dumps into datagrams of at most 32 KiB; a single link may have 64 KiB of alternative names.
// One for all sockets: what is received is parsed before anything else runs, and a socket made for one pod is cheaper so.
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

  /** Over another transport than the kernel's; the socket owns it. */
  static over(transport: NetlinkTransport): NetlinkSocket {
    return new NetlinkSocket(transport);
  }

  /** Performs one request. Throws KernelError with what was tried and the kernel's own text. */
  submit(request: Request): void {
    const [failure] = this.submitAll([request]);
    if (failure === undefined) return;
    Error.captureStackTrace(failure, NetlinkSocket.prototype.submit);
    throw failure;
  }

  /** Performs all, whichever fail, in as few sends as possible. Throws KernelError only when the exchange itself breaks. */
  submitAll(requests: readonly Request[]): Outcomes {
    const outcomes: (KernelError | undefined)[] = [];
    while (outcomes.length < requests.length) {
      outcomes.push(...this.#submitPiece(requests, outcomes.length));
    }
    return outcomes;
  }

  /** As `submitAll`, while this thread does other things. The socket is the caller's alone until it settles. */
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
   * Performs a request that the kernel takes long over without holding up the event loop: on a socket of its own, up to
   * three in this process side by side. Rejects with KernelError.
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

  /** One answer, parsed by `read`. Throws KernelError (ENOENT, ENODEV: there is no such thing). */
  get<Result>(query: Query, read: (payload: Buffer) => Result): Result {
    this.#writer.clear();
    this.#write(query, query.flags ?? 0);
    this.#transport.send(this.#writer.bytes);
    return this.#answer(query, read);
  }

  /** As `get`, while this thread does other things. The socket is the caller's alone until it settles. */
  async getAside<Result>(query: Query, read: (payload: Buffer) => Result): Promise<Result> {
    this.#writer.clear();
    this.#write(query, query.flags ?? 0);
    await this.#sendAside();
    return this.#answer(query, read);
  }

  /**
   * All answers, each parsed by `read` (undefined leaves one out). A list that changed while it was read
   * (NLM_F_DUMP_INTR) is read again. Throws KernelError (EAGAIN: it would not stand still).
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
   * As `dump`, for a list that another process makes as long as it likes: the first `most` answers, and whether those are
   * all. The kernel builds a list piece by piece and drops it with its socket, so that a long one costs no more than its
   * beginning. A list that changes meanwhile is not read again.
   */
  dumpSome<Result>(
    query: Query,
    read: (payload: Buffer) => Result | undefined,
    most: number,
  ): { readonly results: readonly Result[]; readonly isWhole: boolean } {
    const results: Result[] = [];
    try {
      for (const message of this.#answers(query)) {
        if (isEnd(query, message)) return { results, isWhole: true };
        if (results.length === most) break;
        const result = read(message.payload);
        if (result !== undefined) results.push(result);
      }
    } catch (error) {
      this.#startOver();
      throw error;
    }
    this.#startOver();
    return { results, isWhole: false };
  }

  /**
   * As `dump`, one datagram's answers at a time, while this thread does other things; the kernel makes the next as it is
   * asked for. The socket is the caller's alone until the end, and is not used again where the end is not reached.
   */
  async *dumpInPieces<Result>(
    query: Query,
    read: (payload: Buffer) => Result | undefined,
  ): AsyncGenerator<readonly Result[], void> {
    this.#writer.clear();
    this.#write(query, messageFlags.dump);
    await slowRequests.run(() => this.#transport.sendAsync(this.#writer.bytes));
    // Others receive into the common one meanwhile.
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

  /** Of a dump, its end included; for callers that stop there or earlier. */
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
        // Echoes and answers to an exchange that broke earlier are not for us.
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

  /** Undefined when the list changed under way. */
  #dumpOnce<Result>(
    query: Query,
    read: (payload: Buffer) => Result | undefined,
  ): Result[] | undefined {
    this.#writer.clear();
    this.#write(query, messageFlags.dump);
    this.#transport.send(this.#writer.bytes);
    const results: Result[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.#receive(query)) {
        if (message.sequence !== this.#sequence) continue;
        if ((message.flags & messageFlags.dumpInterrupted) !== 0) interrupted = true;
        if (isEnd(query, message)) {
          return interrupted ? undefined : results;
        }
        const result = read(message.payload);
        if (result !== undefined) results.push(result);
      }
    }
  }

  /** What a dump that broke midway left behind would make the next one fail (EBUSY). */
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

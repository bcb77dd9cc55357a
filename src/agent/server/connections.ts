// How many connections the agent's sockets have together, of whom, and for how long one may take to say what it wants.
// Descriptors are kept for CNI requests: those of others are refused long before.

import type { Socket } from 'node:net';
import { apiConnections } from '../../base/open-files.ts';
import { Slots } from '../../base/slots.ts';

export interface ConnectionLimits {
  /** Connections in all. */
  readonly most: number;
  /** Of these, those that are not CNI requests of the shim. */
  readonly others: number;
  /** From the connection to the last byte of the request. */
  readonly requestMs: number;
}

export function connectionLimits(): ConnectionLimits {
  const most = apiConnections();
  return { most, others: Math.min(64, Math.floor(most / 2)), requestMs: 30_000 };
}

/** A request of at most this many bytes is read at once. */
const smallBytes = 256 * 1024;
/** Of larger ones, whose text and objects take several times their size, only so many are worked on at a time. */
const large = new Slots(2);

export class ApiConnections {
  readonly #limits: ConnectionLimits;
  /** Each until it has said what it wants. */
  readonly #deadlines = new Map<Socket, NodeJS.Timeout>();
  readonly #sockets = new Set<Socket>();
  readonly #others = new Set<Socket>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** False: there are too many, it has been refused. */
  accept(socket: Socket, refuse: Refusal = refuseHttp): boolean {
    socket.on('error', () => socket.destroy());
    if (this.#sockets.size >= this.#limits.most) {
      refuse(socket, `the agent has ${this.#sockets.size} connections, the maximum: try again`);
      return false;
    }
    this.#sockets.add(socket);
    this.#expect(socket);
    socket.once('close', () => this.#forget(socket));
    return true;
  }

  /** As `accept`, for one that has turned out to be no CNI request of the shim's. */
  acceptOther(socket: Socket): boolean {
    if (this.#others.size >= this.#limits.others) {
      refuseHttp(
        socket,
        `the agent has ${this.#others.size} readers of its API, the maximum: end one`,
      );
      return false;
    }
    this.#others.add(socket);
    return true;
  }

  /** The whole request is here; its answer may take as long as it takes. */
  received(socket: Socket): void {
    clearTimeout(this.#deadlines.get(socket));
    this.#deadlines.delete(socket);
  }

  /** Runs `body`, which reads and carries out a request of that size, at once or when large ones before it are done. */
  inTurn<Result>(socket: Socket, bytes: number, body: () => Promise<Result>): Promise<Result> {
    if (bytes <= smallBytes) return body();
    // What is not read stays in the kernel's buffer, and the shim waits; that is no fault of its own.
    socket.pause();
    this.received(socket);
    return large.run(() => {
      if (!socket.destroyed) this.#expect(socket);
      socket.resume();
      return body();
    });
  }

  closeAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #expect(socket: Socket): void {
    const deadline = setTimeout(() => socket.destroy(), this.#limits.requestMs);
    this.#deadlines.set(socket, deadline);
  }

  #forget(socket: Socket): void {
    this.received(socket);
    this.#sockets.delete(socket);
    this.#others.delete(socket);
  }
}

/** Tells the client why, in the protocol of its socket, and ends the connection. */
type Refusal = (socket: Socket, text: string) => void;

function refuseHttp(socket: Socket, text: string): void {
  const head = `HTTP/1.1 503 Service Unavailable\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close`;
  socket.end(`${head}\r\n\r\n${text}`, () => socket.destroy());
}

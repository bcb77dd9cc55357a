// Limits the connections of the agent's sockets together, and the time for sending a request. Descriptors are reserved
// for CNI requests: other requests are refused long before.

import type { Socket } from 'node:net';
import { apiConnections } from '../../base/open-files.ts';
import { Slots } from '../../base/slots.ts';

export interface ConnectionLimits {
  /** Maximum number of connections. */
  readonly most: number;
  /** Maximum number of those that are not CNI requests of the shim. */
  readonly others: number;
  /** From the connection to the last byte of the request. */
  readonly requestMs: number;
}

export function connectionLimits(): ConnectionLimits {
  const most = apiConnections();
  return { most, others: Math.min(64, Math.floor(most / 2)), requestMs: 30_000 };
}

/** A request of at most this many bytes is read immediately. */
const smallBytes = 256 * 1024;
/** Larger requests, whose text and objects take several times their size, are limited in number. */
const large = new Slots(2);

export class ApiConnections {
  readonly #limits: ConnectionLimits;
  /** Deadlines of connections whose request is incomplete. */
  readonly #deadlines = new Map<Socket, NodeJS.Timeout>();
  readonly #sockets = new Set<Socket>();
  readonly #others = new Set<Socket>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Returns false if there are too many; the connection was refused. */
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

  /** Like `accept`, for a connection that is not a CNI request of the shim. */
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

  /** The request is complete; its answer has no time limit. */
  received(socket: Socket): void {
    clearTimeout(this.#deadlines.get(socket));
    this.#deadlines.delete(socket);
  }

  /** Runs `body`, which reads and processes a request of that size: immediately, or after earlier large ones. */
  inTurn<Result>(socket: Socket, bytes: number, body: () => Promise<Result>): Promise<Result> {
    if (bytes <= smallBytes) return body();
    // Unread data stays in the kernel's buffer, and the shim waits, which is not its fault.
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

/** Sends the client the reason, in the protocol of its socket, and ends the connection. */
type Refusal = (socket: Socket, text: string) => void;

function refuseHttp(socket: Socket, text: string): void {
  const head = `HTTP/1.1 503 Service Unavailable\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close`;
  socket.end(`${head}\r\n\r\n${text}`, () => socket.destroy());
}

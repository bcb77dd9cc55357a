// The system calls below NetlinkSocket, behind an interface so that tests can answer in place of the kernel.

import { isKernelError, KernelError } from '../../errno.ts';
import { bind, close, recv, recvAsync, send, sendAsync, setsockopt, socket } from '../../libc.ts';
import { NetworkNamespace } from '../../namespace.ts';
import { pollReadable } from '../../readable.ts';
import { attachFilter, type FilterInstruction } from './socket-filter.ts';

export interface NetlinkTransport extends Disposable {
  send(bytes: Uint8Array): void;
  /** For requests that the kernel takes long to process; `bytes` must not change until it settles. */
  sendAsync(bytes: Uint8Array): Promise<void>;
  /** Length of one datagram, or undefined if there is none now. Throws KernelError (ENOBUFS: some were lost). */
  receive(into: Uint8Array): number | undefined;
  /** Like `receive`, for answers that the kernel takes long to create; `into` must not be used until it settles. */
  receiveAsync(into: Uint8Array): Promise<number | undefined>;
  /** Settles when there may be a datagram, or the signal aborts. */
  readable(signal: AbortSignal): Promise<void>;
  /** Another transport in the same namespace, with its own queue. */
  sibling(): NetlinkTransport;
}

/** Netlink families (linux/netlink.h). */
export const netlinkFamilies = { route: 0, socketDiagnosis: 4, ipsec: 6, netfilter: 12 } as const;

export type NetlinkFamily = keyof typeof netlinkFamilies;

export interface TransportOptions {
  readonly family: NetlinkFamily;
  /** Namespace in which it is created and stays; default: the thread's own. */
  readonly namespace?: NetworkNamespace | undefined;
  /** RTNLGRP_* whose notifications it receives. */
  readonly groups?: readonly number[];
  /** Messages that it does not receive. */
  readonly filter?: readonly FilterInstruction[] | undefined;
}

const netlinkDomain = 16;
const rawType = 3;
const solNetlink = 270;
const socketOptions = { addMembership: 1, capAck: 10, extAck: 11, strictCheck: 12 } as const;
const truncate = 0x20;

export class KernelTransport implements NetlinkTransport {
  readonly #fd: number;
  readonly #family: NetlinkFamily;
  #open = true;

  /** Throws KernelError. */
  constructor({ family, namespace, groups = [], filter }: TransportOptions) {
    const make = (): number => socket(netlinkDomain, rawType, netlinkFamilies[family]);
    this.#family = family;
    this.#fd = namespace === undefined ? make() : namespace.run(make);
    try {
      if (filter !== undefined) attachFilter(this.#fd, filter);
      configure(this.#fd, groups);
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  send(bytes: Uint8Array): void {
    send(this.#openFd(), bytes);
  }

  async sendAsync(bytes: Uint8Array): Promise<void> {
    await sendAsync(this.#openFd(), bytes);
  }

  receive(into: Uint8Array): number | undefined {
    return fitting(recv(this.#openFd(), into, truncate), into);
  }

  async receiveAsync(into: Uint8Array): Promise<number | undefined> {
    return fitting(await recvAsync(this.#openFd(), into, truncate), into);
  }

  readable(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        watch[Symbol.dispose]();
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const watch = pollReadable(this.#openFd(), finish, { keepAlive: true });
      signal.addEventListener('abort', finish);
      if (signal.aborted) finish();
      else watch.arm();
    });
  }

  sibling(): NetlinkTransport {
    using namespace = NetworkNamespace.ofSocket(this.#openFd());
    return new KernelTransport({ family: this.#family, namespace });
  }

  /** After closing, the number may belong to another socket in another namespace, which must not be used. */
  #openFd(): number {
    if (this.#open) return this.#fd;
    const detail = 'this socket is closed';
    throw new KernelError({ call: 'netlink', subject: `fd ${this.#fd}`, code: 'EBADF', detail });
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    close(this.#fd);
  }
}

function fitting(length: number | undefined, into: Uint8Array): number | undefined {
  if (length === undefined || length <= into.length) return length;
  const detail = `a datagram of ${length} bytes, the buffer has ${into.length}`;
  throw new KernelError({ call: 'recv', subject: 'netlink', code: 'EMSGSIZE', detail });
}

function configure(fd: number, groups: readonly number[]): void {
  const on = u32Bytes(1);
  for (const name of [socketOptions.capAck, socketOptions.extAck, socketOptions.strictCheck]) {
    setsockopt(fd, { level: solNetlink, name, value: on });
  }
  enlargeReceiveBuffer(fd);
  // A bound socket has a port id, to which the kernel sends notifications.
  bind(fd, Buffer.from([netlinkDomain, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  for (const group of groups) {
    setsockopt(fd, {
      level: solNetlink,
      name: socketOptions.addMembership,
      value: u32Bytes(group),
    });
  }
}

// The default (net.core.rmem_default, 208 KiB) holds some 200 notifications; more are lost.
function enlargeReceiveBuffer(fd: number): void {
  const solSocket = 1;
  const receiveBufferForce = 33;
  try {
    setsockopt(fd, { level: solSocket, name: receiveBufferForce, value: u32Bytes(1 << 20) });
  } catch (error) {
    // Without CAP_NET_ADMIN the default has to be enough.
    if (!isKernelError(error, 'EPERM')) throw error;
  }
}

function u32Bytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

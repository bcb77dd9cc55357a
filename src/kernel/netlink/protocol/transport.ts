// The kernel's end of a netlink socket: the few system calls that NetlinkSocket is made of, behind an interface so that
// tests can answer in the kernel's place.

import { isKernelError, KernelError } from '../../errno.ts';
import { bind, close, recv, recvAsync, send, sendAsync, setsockopt, socket } from '../../libc.ts';
import { NetworkNamespace } from '../../namespace.ts';
import { pollReadable } from '../../readable.ts';
import { attachFilter, type FilterInstruction } from './socket-filter.ts';

export interface NetlinkTransport extends Disposable {
  send(bytes: Uint8Array): void;
  /** For requests that the kernel takes long over; `bytes` must not change until it settles. */
  sendAsync(bytes: Uint8Array): Promise<void>;
  /** One datagram's length, or undefined when none is there now. Throws KernelError (ENOBUFS: some were lost). */
  receive(into: Uint8Array): number | undefined;
  /** As `receive`, where the kernel takes long to make it; `into` is its own until it settles. */
  receiveAsync(into: Uint8Array): Promise<number | undefined>;
  /** Settles when there may be a datagram, or the signal aborts. */
  readable(signal: AbortSignal): Promise<void>;
  /** Another one in the same namespace, with a queue of its own. */
  sibling(): NetlinkTransport;
}

/** Netlink families (linux/netlink.h). */
export const netlinkFamilies = { route: 0, socketDiagnosis: 4, ipsec: 6, netfilter: 12 } as const;

export type NetlinkFamily = keyof typeof netlinkFamilies;

export interface TransportOptions {
  readonly family: NetlinkFamily;
  /** Where it is made and stays; the thread's own when absent. */
  readonly namespace?: NetworkNamespace | undefined;
  /** RTNLGRP_* to receive notifications of. */
  readonly groups?: readonly number[];
  /** What it is not to receive. */
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

  /** Once closed, the number may be another socket's, in another namespace: what is asked of it then must not happen. */
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
  // A bound socket has a port id, by which the kernel addresses notifications.
  bind(fd, Buffer.from([netlinkDomain, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  for (const group of groups) {
    setsockopt(fd, {
      level: solNetlink,
      name: socketOptions.addMembership,
      value: u32Bytes(group),
    });
  }
}

// The default (net.core.rmem_default, 208 KiB) holds some 200 notifications; what does not fit is lost.
function enlargeReceiveBuffer(fd: number): void {
  const solSocket = 1;
  const receiveBufferForce = 33;
  try {
    setsockopt(fd, { level: solSocket, name: receiveBufferForce, value: u32Bytes(1 << 20) });
  } catch (error) {
    // Without CAP_NET_ADMIN the default must do.
    if (!isKernelError(error, 'EPERM')) throw error;
  }
}

function u32Bytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

// A netlink socket without a kernel: a test answers each request, or puts datagrams into the queue itself.

import type { KernelError } from '../../src/kernel/errno.ts';
import { type Message, splitMessages } from '../../src/kernel/netlink/protocol/message.ts';
import type { NetlinkTransport } from '../../src/kernel/netlink/protocol/transport.ts';

/** The result: datagrams, or the error of a receive. */
export type NetlinkAnswer = readonly (Buffer | KernelError)[];

export class FakeTransport implements NetlinkTransport {
  /** The bytes of each send. */
  readonly sent: Buffer[] = [];
  readonly siblings: FakeTransport[] = [];
  disposals = 0;
  readonly #answer: (requests: readonly Message[]) => NetlinkAnswer;
  readonly #queue: (Buffer | KernelError)[] = [];
  #wake: (() => void) | undefined;

  constructor(answer: (requests: readonly Message[]) => NetlinkAnswer = () => []) {
    this.#answer = answer;
  }

  push(...answer: NetlinkAnswer): void {
    this.#queue.push(...answer);
    this.#wake?.();
  }

  send(bytes: Uint8Array): void {
    const copy = Buffer.from(bytes);
    this.sent.push(copy);
    this.push(...this.#answer(splitMessages(copy)));
  }

  async sendAsync(bytes: Uint8Array): Promise<void> {
    this.send(bytes);
  }

  receive(into: Uint8Array): number | undefined {
    const next = this.#queue.shift();
    if (next === undefined) return undefined;
    if (next instanceof Error) throw next;
    into.set(next);
    return next.length;
  }

  async receiveAsync(into: Uint8Array): Promise<number | undefined> {
    return this.receive(into);
  }

  readable(signal: AbortSignal): Promise<void> {
    if (this.#queue.length > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve());
    });
  }

  sibling(): FakeTransport {
    const sibling = new FakeTransport(this.#answer);
    this.siblings.push(sibling);
    return sibling;
  }

  [Symbol.dispose](): void {
    this.disposals++;
  }
}

export interface FakeMessage {
  readonly type: number;
  readonly flags?: number;
  readonly sequence?: number;
  readonly payload?: Uint8Array;
}

/** One message's bytes in the kernel's layout. */
export function message({ type, flags = 0, sequence = 0, payload }: FakeMessage): Buffer {
  const length = 16 + (payload?.length ?? 0);
  const bytes = Buffer.alloc((length + 3) & ~3);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(payload ?? [], 16);
  return bytes;
}

/** An NLMSG_ERROR as a socket with capped acknowledgements gets it: errno 0 is success; `text` is the extack's. */
export function acknowledgement(request: Message, errno = 0, text?: string): Buffer {
  const words = text === undefined ? Buffer.alloc(0) : attribute(1, Buffer.from(`${text}\0`));
  const payload = Buffer.concat([Buffer.alloc(20), words]);
  payload.writeInt32LE(-errno, 0);
  payload.writeUInt32LE(16 + request.payload.length, 4);
  const capped = 0x100;
  const extended = 0x200;
  const flags = capped | (text === undefined ? 0 : extended);
  return message({ type: 2, flags, sequence: request.sequence, payload });
}

/** The end of a dump. */
export function done(sequence: number, options: { errno?: number; flags?: number } = {}): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32LE(-(options.errno ?? 0), 0);
  return message({ type: 3, flags: options.flags ?? 2, sequence, payload });
}

export function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, 4);
  return bytes;
}

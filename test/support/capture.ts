// Packets that an interface in another network namespace sends and receives, as frames from the Ethernet header on.

import { close, recv, setsockopt, socket } from '../../src/kernel/libc.ts';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';

const packetFamily = 17; // AF_PACKET
const raw = 3;
const everyProtocol = 0x0300; // ETH_P_ALL in network order
const socketLevel = 1;
const receiveBufferForced = 33; // SO_RCVBUFFORCE

export class Capture implements Disposable {
  readonly #fd: number;
  // A GSO packet is one frame, longer than any on a wire.
  readonly #frame = Buffer.alloc(128 * 1024);

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Captures every interface in the namespace from now on; packets beyond its 64 MB buffer are lost. */
  static start({ namespacePath }: { readonly namespacePath: string }): Capture {
    using namespace = NetworkNamespace.open(namespacePath);
    const fd = namespace.run(() => socket(packetFamily, raw, everyProtocol));
    const size = Buffer.alloc(4);
    size.writeInt32LE(64 * 1024 * 1024);
    setsockopt(fd, { level: socketLevel, name: receiveBufferForced, value: size });
    return new Capture(fd);
  }

  /** Frames since the last call. */
  frames(): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (;;) {
      const length = recv(this.#fd, this.#frame);
      if (length === undefined) return frames;
      frames.push(Uint8Array.from(this.#frame.subarray(0, length)));
    }
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

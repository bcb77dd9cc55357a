// The context of tc and cgroup_skb programs (uapi linux/bpf.h, struct __sk_buff) for test runs: fields that a test may
// set before and read afterwards. All other fields must be zero.

import type { IfIndex } from '../../net/if-index.ts';
import { type Codec, u32, u64 } from '../codec.ts';

export interface SkBuffContext {
  readonly mark?: number;
  readonly priority?: number;
  /** Must exist in the caller's network namespace. */
  readonly ifIndex?: IfIndex;
  readonly ingressIfIndex?: IfIndex;
  /** Five words of scratch memory shared by programs on one packet. */
  readonly controlBlock?: readonly [number, number, number, number, number];
  readonly timestampNs?: number;
  readonly gsoSegments?: number;
  /** Bytes on the wire; at least the length of the packet. */
  readonly wireLength?: number;
  readonly gsoSize?: number;
}

const size = 192;
const controlBlockAt = 48;

// wire_len and the following fields come after a flow_keys pointer and the timestamp.
const words: readonly (readonly [
  Exclude<keyof SkBuffContext, 'controlBlock' | 'timestampNs'>,
  number,
])[] = [
  ['mark', 8],
  ['priority', 32],
  ['ingressIfIndex', 36],
  ['ifIndex', 40],
  ['wireLength', 160],
  ['gsoSegments', 164],
  ['gsoSize', 176],
];

/** Minimum kernel for test runs with a context: 5.2; with an interface 5.14. */
export const skBuff: Codec<SkBuffContext> = {
  size,
  encode(context, into, offset) {
    new Uint8Array(into.buffer, into.byteOffset + offset, size).fill(0);
    for (const [name, at] of words) u32.encode(context[name] ?? 0, into, offset + at);
    for (const [index, word] of (context.controlBlock ?? []).entries()) {
      u32.encode(word, into, offset + controlBlockAt + index * 4);
    }
    u64.encode(context.timestampNs ?? 0, into, offset + 152);
  },
  decode(from, offset) {
    const word = (at: number) => u32.decode(from, offset + at);
    const block = (index: number) => word(controlBlockAt + index * 4);
    return {
      mark: word(8),
      priority: word(32),
      ingressIfIndex: word(36) as IfIndex,
      ifIndex: word(40) as IfIndex,
      controlBlock: [block(0), block(1), block(2), block(3), block(4)],
      timestampNs: u64.decode(from, offset + 152),
      wireLength: word(160),
      gsoSegments: word(164),
      gsoSize: word(176),
    };
  },
};

import type { Codec } from '../../src/kernel/codec.ts';

/** The bytes of one value. */
export function encodeBytes<T>(codec: Codec<T>, value: T): Uint8Array {
  const into = new Uint8Array(codec.size);
  codec.encode(value, new DataView(into.buffer), 0);
  return into;
}

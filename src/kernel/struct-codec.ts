// A C struct described by hand: each field's offset and codec. For objects without generated bindings.

import { type Codec, clear } from './codec.ts';

export type StructFields<T> = {
  readonly [Name in keyof T]: readonly [offset: number, codec: Codec<T[Name]>];
};

/** `size` is the compiler's sizeof. Bytes without a field are written as zeros. */
export function structCodec<T extends object>(size: number, fields: StructFields<T>): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[];
  return {
    size,
    encode(value, into, offset) {
      clear(into, offset, size);
      for (const name of names) {
        const [at, codec] = fields[name];
        codec.encode(value[name], into, offset + at);
      }
    },
    decode(from, offset) {
      const entries = names.map((name) => {
        const [at, codec] = fields[name];
        return [name, codec.decode(from, offset + at)] as const;
      });
      return Object.fromEntries(entries) as T;
    },
  };
}

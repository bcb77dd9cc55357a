// Memory outside the JavaScript heap that the kernel accesses by address: it never moves and is not collected while a
// system call has its address. A system call returns before anything else runs, so callers share this memory.

import koffi from 'koffi';

export interface Memory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Zeroed memory of at least `size` bytes for the lifetime of the process. */
export function allocateMemory(size: number): Memory {
  const address: bigint = koffi.alloc('uint8_t', size);
  const memory = memoryAt(address, size);
  memory.bytes.fill(0);
  return memory;
}

/**
 * A view of existing memory (a mapping, a structure of a C library). Accessing it after it was freed crashes the
 * process.
 */
export function memoryAt(address: bigint, size: number): Memory {
  const buffer = koffi.view(address, size);
  return { address, bytes: new Uint8Array(buffer), view: new DataView(buffer) };
}

/** Grows to the largest size requested. When it grows, earlier contents are lost. */
export class GrowingMemory {
  #memory: Memory | undefined;

  atLeast(size: number): Memory {
    const current = this.#memory;
    if (current !== undefined && current.bytes.length >= size) return current;
    const grown = allocateMemory(Math.max(64, 2 ** Math.ceil(Math.log2(size))));
    this.#memory = grown;
    if (current !== undefined) koffi.free(current.address);
    return grown;
  }
}

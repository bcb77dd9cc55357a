// The shared memory of a BPF ring buffer: two positions, and the data, which the kernel maps twice in a row.

import { mmap, munmap, pageSize } from '../libc.ts';
import { memoryAt } from '../memory.ts';

export interface RingMemory extends Disposable {
  /** One element: the reader's position, in bytes since the ring was created. Written by the reader. */
  readonly consumer: BigUint64Array;
  /** One element: the programs' position. Written by the kernel. */
  readonly producer: BigUint64Array;
  /** Twice the ring's size. */
  readonly data: ArrayBuffer;
}

/** Resident memory counts the ring twice, because it is mapped twice. Rings of 1-4 MiB are enough. */
export function mapRing(fd: number, sizeBytes: number): RingMemory {
  const page = pageSize();
  const consumer = mmap({ fd, length: page, writable: true });
  const readOnlyLength = page + 2 * sizeBytes;
  let producer: bigint;
  try {
    producer = mmap({ fd, length: readOnlyLength, offset: page });
  } catch (error) {
    munmap(consumer, page);
    throw error;
  }
  return {
    consumer: new BigUint64Array(memoryAt(consumer, 8).bytes.buffer as ArrayBuffer),
    producer: new BigUint64Array(memoryAt(producer, 8).bytes.buffer as ArrayBuffer),
    data: memoryAt(producer + BigInt(page), 2 * sizeBytes).bytes.buffer as ArrayBuffer,
    [Symbol.dispose]() {
      munmap(consumer, page);
      munmap(producer, readOnlyLength);
    },
  };
}

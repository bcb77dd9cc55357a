// The bytes of one manifest, however its path behaves: whoever may write the directory could otherwise hang the agent with a
// FIFO or a file of the kernel that has nothing to say yet, or fill its memory.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** YAML takes fifty times its size while it is read. */
export const mostBytes: number = 8 * 2 ** 20;

/** Throws Error for what is no file or too long, and what the kernel says. */
export async function manifestBytes(path: string): Promise<Uint8Array> {
  // Not waiting for the other end of a FIFO, nor for the next line of the kernel's log.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error(noFile);
    return await boundedBytes(file);
  } finally {
    await file.close();
  }
}

export const noFile = 'is not a file';

// Its size is no measure: files of the kernel have none.
async function boundedBytes(file: FileHandle): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536), 0, 65_536, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
    if (length > mostBytes) throw new Error(`is longer than ${mostBytes} bytes`);
  }
}

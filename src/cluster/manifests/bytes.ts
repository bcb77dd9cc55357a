// Reads the bytes of one manifest, whatever kind of file it is. Otherwise a user who may write to the directory could
// make the agent hang with a FIFO or a kernel file without data, or fill its memory.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Parsing YAML takes fifty times its size in memory. */
export const mostBytes: number = 8 * 2 ** 20;

/** Throws Error if the path is not a file or too long, and errors of the kernel. */
export async function manifestBytes(path: string): Promise<Uint8Array> {
  // Non-blocking: does not wait for the other end of a FIFO or the next line of the kernel's log.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error(noFile);
    return await boundedBytes(file);
  } finally {
    await file.close();
  }
}

export const noFile = 'is not a file';

// The size is not reliable: kernel files have none.
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

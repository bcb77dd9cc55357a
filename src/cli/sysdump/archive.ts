// Creates a .tar.gz from texts in memory, with POSIX ustar headers, which every tar reads.

import { gzipSync } from 'node:zlib';

export interface ArchiveFile {
  /** Relative path: at most 100 bytes, or a folder of at most 155 bytes and a name of at most 100. */
  readonly path: string;
  readonly content: string;
}

const blockBytes = 512;

/** All files belong to root with mode 0600 and have the time `at`. Throws RangeError if a path is too long. */
export function tarGz(files: readonly ArchiveFile[], at: Date): Buffer {
  const blocks = files.flatMap(({ path, content }) => {
    const body = Buffer.from(content);
    return [header(path, body.length, at), body, Buffer.alloc(-body.length & (blockBytes - 1))];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]));
}

function header(path: string, size: number, at: Date): Buffer {
  const block = Buffer.alloc(blockBytes);
  const { name, prefix } = splitPath(path);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  block.write(name, 0);
  block.write(octal(0o600, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(Math.floor(at.getTime() / 1000), 11), 136);
  // The checksum is computed with blanks in its own field.
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  const prefix = path.slice(0, slash);
  if (slash < 1 || Buffer.byteLength(name) > 100 || Buffer.byteLength(prefix) > 155)
    throw new RangeError(`${path}: too long for a tar archive`);
  return { name, prefix };
}

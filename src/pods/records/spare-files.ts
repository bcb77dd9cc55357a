// Files for future records.

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  type Stats,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { discardTemporary } from './files.ts';

/**
 * Files of removed records, kept for the next ones. ext4 does not reuse the inode of a file that was removed in the
 * last minute, or five, and checks each of them for every new file: on a node with many added and deleted pods this
 * cost an ADD up to a millisecond (Linux 6.18, `recently_deleted` in fs/ext4/ialloc.c). They are in a folder of their
 * own, which is initially empty.
 */
export class SpareFiles {
  readonly #directory: string;
  readonly #free: string[] = [];
  #made = 0;

  /** `directory`: on the records' file system. It is created with the first file. */
  constructor(directory: string) {
    this.#directory = directory;
    discardTemporary(directory);
  }

  /** Keeps a record's file. False: there are enough, or it cannot be kept. */
  take(file: string): boolean {
    if (this.#free.length >= most) return false;
    const spare = path.join(this.#directory, String(this.#made++));
    if (!isDone(() => renameSync(file, spare)) && !this.#takeFirst(file, spare)) return false;
    this.#free.push(spare);
    return true;
  }

  #takeFirst(file: string, spare: string): boolean {
    return isDone(() => {
      mkdirSync(this.#directory, { mode: 0o700 });
      renameSync(file, spare);
    });
  }

  /** Turns one of these into `file` with `text` as its only content. False: none could, and nothing is changed. */
  become(file: string, text: string): boolean {
    const spare = this.#free.pop();
    if (spare === undefined) return false;
    const done = isDone(() => {
      fill(spare, Buffer.from(text));
      renameSync(spare, file);
    });
    // The new file shows any error, or does not have it.
    if (!done) discardTemporary(spare);
    return done;
  }
}

/** The number of pods that are usually added together. */
const most = 32;

// Not truncated first: ext4 writes such a file to the disk when it is closed (`auto_da_alloc`).
function fill(file: string, bytes: Buffer): void {
  const fd = openSync(file, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!isAsNew(stats)) throw new Error('is not as a new file would be');
    const length = writeSync(fd, bytes, 0, bytes.length, 0);
    if (length < bytes.length) throw new Error('written in part');
    if (stats.size > length) ftruncateSync(fd, length);
  } finally {
    closeSync(fd);
  }
}

// A record may come from a backup, with another owner or mode. One with a second name is in a backup (`cp -al`), which
// must keep its contents.
function isAsNew({ mode, uid, nlink }: Stats): boolean {
  return mode === (constants.S_IFREG | 0o600) && uid === process.geteuid?.() && nlink === 1;
}

function isDone(step: () => void): boolean {
  try {
    step();
    return true;
  } catch {
    return false;
  }
}

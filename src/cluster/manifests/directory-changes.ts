// Reports when a directory should be read again: after events followed by a quiet time, or after a period.

import { type FSWatcher, watch } from 'node:fs';
import { fileStatus } from '../../base/file-status.ts';

export interface DirectoryChangesOptions {
  readonly directory: string;
  readonly debounceMs: number;
  readonly rescanMs: number;
  readonly signal: AbortSignal;
}

export class DirectoryChanges implements Disposable {
  readonly #options: DirectoryChangesOptions;
  #watcher: FSWatcher | undefined;
  #watchedInode: number | undefined;
  #isDirty = false;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #deadline = 0;

  constructor(options: DirectoryChangesOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Watches the directory that exists now: a watch follows an inode, and the directory may be replaced. */
  rewatch(): void {
    // If the path cannot be used, the scan reports it.
    const inode = fileStatus(this.#options.directory)?.ino;
    if (inode === this.#watchedInode && this.#watcher !== undefined) return;
    this.#closeWatcher();
    if (inode === undefined) return;
    try {
      this.#watcher = watch(this.#options.directory, () => this.#onEvent());
      this.#watcher.on('error', () => this.#closeWatcher());
      this.#watchedInode = inode;
    } catch {
      // There is no inotify watch left (ENOSPC), or the directory was just removed: only the periodic rescan is used.
    }
  }

  /**
   * Resolves when the directory should be read again: immediately if something happened since the last call, at `at`,
   * or on abort.
   */
  async next(at: number = Infinity): Promise<void> {
    if (this.#options.signal.aborted) return;
    const waiting = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#deadline = Math.min(at, performance.now() + this.#options.rescanMs);
    this.#wakeAfter(this.#isDirty ? this.#options.debounceMs : this.#options.rescanMs);
    this.#isDirty = false;
    await waiting;
    clearTimeout(this.#timer);
    this.#wake = undefined;
  }

  /** Ends the current wait. */
  hurry(): void {
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#closeWatcher();
  }

  readonly #onAbort = (): void => this.#wake?.();

  // Every event restarts the quiet time, so that a burst of writes is read once. Continuous writing cannot delay
  // reading beyond the rescan period.
  #onEvent(): void {
    if (this.#wake === undefined) this.#isDirty = true;
    else this.#wakeAfter(this.#options.debounceMs);
  }

  #wakeAfter(delayMs: number): void {
    clearTimeout(this.#timer);
    const leftMs = Math.max(0, this.#deadline - performance.now());
    this.#timer = setTimeout(() => this.#wake?.(), Math.min(delayMs, leftMs));
  }

  #closeWatcher(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watchedInode = undefined;
  }
}

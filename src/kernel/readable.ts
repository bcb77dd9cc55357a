// Tells when a descriptor becomes readable, without a thread: libuv's own poll through koffi. The function is not
// documented by koffi ("might change"), which is one reason why koffi's version is pinned; this is its only caller.

import koffi from 'koffi';

export interface ReadableWatch extends Disposable {
  /** The next time the descriptor is readable (or already is), the callback runs once. */
  arm(): void;
}

// koffi closes a poll handle that is garbage-collected, even one a module's constant holds: live handles stay here.
const live = new Set<object>();

/**
 * Does not keep the process alive by itself unless `keepAlive`. The callback runs on the main thread, once for each
 * `arm`.
 */
export function pollReadable(
  fd: number,
  onReadable: () => void,
  { keepAlive = false }: { readonly keepAlive?: boolean } = {},
): ReadableWatch {
  let isArmed = false;
  const callback = () => {
    isArmed = false;
    // Level-triggered: stopped until it is armed again, or a busy ring would take the whole event loop.
    handle.stop();
    onReadable();
  };
  const handle = koffi.node.poll(fd, { readable: true }, callback);
  handle.stop();
  if (!keepAlive) handle.unref();
  live.add(handle);
  return {
    arm: () => {
      if (isArmed || !live.has(handle)) return;
      isArmed = true;
      handle.start({ readable: true }, callback);
    },
    [Symbol.dispose]: () => {
      if (live.delete(handle)) handle.close();
    },
  };
}

// Reports when a descriptor becomes readable, without a thread: libuv's own poll through koffi. koffi does not document
// the function ("might change"), which is one reason why its version is pinned. This file is the only caller.

import koffi from 'koffi';

export interface ReadableWatch extends Disposable {
  /** When the descriptor is (or becomes) readable, the callback runs once. */
  arm(): void;
}

// koffi closes a poll handle that is garbage-collected, even if a module's constant holds it. Live handles are kept
// here.
const live = new Set<object>();

/** Keeps the process alive only with `keepAlive`. The callback runs on the main thread, once per `arm`. */
export function pollReadable(
  fd: number,
  onReadable: () => void,
  { keepAlive = false }: { readonly keepAlive?: boolean } = {},
): ReadableWatch {
  let isArmed = false;
  const callback = () => {
    isArmed = false;
    // Level-triggered: stopped until it is armed again, because a busy ring would otherwise take the whole event loop.
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

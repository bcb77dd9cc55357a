import type { Logger } from '../../src/base/log.ts';

/** Drops what it is given. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

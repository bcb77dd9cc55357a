// A log that takes no flood: of each message so many lines a minute, and of each pod or table that it is about. Counted lines
// are told when the minute is over. Debug lines are not limited: whoever asks for them wants all.

import { LineLimit, type LineLimitOptions } from './line-limit.ts';
import type { Logger } from './log.ts';

/** Of each message. */
const usual: LineLimitOptions = { windowMs: 60_000, perSubject: 60, inAll: 300 };

type Level = 'info' | 'warn' | 'error';

// Some messages hold names; beyond that many they share one limit.
const mostMessages = 200;

export function limitedLogger(log: Logger, options: LineLimitOptions = usual): Logger {
  const limits = new Map<string, { readonly level: Level; readonly limit: LineLimit }>();
  let isTimed = false;

  const tellWithheld = (): void => {
    for (const [key, { level, limit }] of limits) {
      // At the level of the lines that it stands for: whoever did not ask for them does not want their number.
      for (const text of limit.takeSummary()) log[level]({}, `${messageOf(key)}: ${text}`);
      if (limit.isIdle) limits.delete(key);
    }
  };
  const tellLater = (): void => {
    if (isTimed) return;
    isTimed = true;
    const tell = (): void => {
      isTimed = false;
      tellWithheld();
    };
    // Nobody stays for that.
    setTimeout(tell, options.windowMs + 1).unref();
  };
  const limitOf = (level: Level, message: string): LineLimit => {
    const own = `${level} ${message}`;
    const key = limits.has(own) || limits.size < mostMessages ? own : `${level} other messages`;
    const limit = limits.get(key)?.limit ?? new LineLimit(options);
    limits.set(key, { level, limit });
    return limit;
  };
  const limited =
    (level: Level) =>
    (fields: object, message: string): void => {
      tellWithheld();
      if (limitOf(level, message).admit(subjectOf(fields))) log[level](fields, message);
      else tellLater();
    };
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: limited('info'),
    warn: limited('warn'),
    error: limited('error'),
  };
}

function messageOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

function subjectOf(fields: object): string {
  for (const [name, value] of Object.entries(fields)) {
    if ((name === 'pod' || name === 'table') && typeof value === 'string') return value;
  }
  return 'the same';
}

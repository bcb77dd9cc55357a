// Structured logs: one JSON object per line, primarily for machines.

import { type LogFn, pino } from 'pino';
import { boundedStrings, printableJson } from './printable.ts';

/**
 * Fields first, then one sentence: `log.info({ table, restored }, 'restored an entry that another process changed')`.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LoggerOptions {
  /** Minimum level that is written: trace, debug, info, warn, error, fatal, silent. */
  readonly level: string;
  /** Fields added to every line. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Receives each line. It must not throw, because the code that logs would fail (see LogOutput). */
  readonly write: (line: string) => void;
}

/** Creates a logger. An Error under the field `error` is written as its type, message and stack. */
export function createLogger({ level, fields = {}, write }: LoggerOptions): Logger {
  const settings = {
    level,
    base: fields,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (given: object): Record<string, unknown> => ({
        ...boundedStrings({ ...given }, longest),
      }),
    },
    serializers: {
      error: (error: Error) => boundedStrings({ ...pino.stdSerializers.err(error) }, longest),
    },
    hooks: {
      logMethod(args: Parameters<LogFn>, method: LogFn): void {
        const [given, text] = args;
        method.call(this, given, typeof text === 'string' ? boundedStrings(text, longest) : text);
      },
    },
  };
  return pino(settings, { write: (line: string) => write(printableJson(line)) });
}

/** Maximum number of characters of one field, including the stack of an error. */
const longest = 8_192;

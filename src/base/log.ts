// Structured logs: one JSON object a line, readable by machines first.

import { type LogFn, pino } from 'pino';
import { boundedStrings, printableJson } from './printable.ts';

/** Fields first, then one sentence: `log.info({ table, restored }, 'restored what was changed behind our back')`. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LoggerOptions {
  /** Least level that is written: trace, debug, info, warn, error, fatal, silent. */
  readonly level: string;
  /** In every line. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Receives each line. Must not throw: whatever logs would fail with it (see LogOutput). */
  readonly write: (line: string) => void;
}

/** An Error under the field `error` becomes its type, message and stack. */
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

/** Characters of one field; the stack of an error is such a field too. */
const longest = 8_192;

// A TCP, UDP or SCTP port (1-65535). Host byte order everywhere except in the codecs.

import type { Brand } from '../base/brand.ts';
import { InputError } from '../base/input-error.ts';

export type Port = Brand<number, 'Port'>;

export function parsePort(value: unknown, object = 'port', field?: string): Port {
  const port = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw new InputError({ object, field, value, rule: 'is not a port (1-65535)' });
  }
  return port as Port;
}

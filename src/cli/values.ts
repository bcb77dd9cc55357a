// Validates the values of options.

import { InvalidArgumentError } from 'commander';
import { isAddress, parseAddress } from '../net/address.ts';

/** A whole number of at least 1. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is not a whole number of at least 1.');
}

const endRule =
  'It is not NAMESPACE/POD, NAMESPACE/, a node or an address, with or without :PORT (put an IPv6 address in brackets before it).';
const objectName = '[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?';
const podOrNode = new RegExp(`^${objectName}(?:/(?:${objectName})?)?$`);

/** One end of a flow in the form that `flowMatches` compares; an address is canonical. */
export function parseFlowEnd(text: string): string {
  if (isAddress(text)) return parseAddress(text);
  const [, name = text, port] = /^(.*):(\d+)$/s.exec(text) ?? [];
  if (port !== undefined && (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535))
    throw new InvalidArgumentError(`${port} is not a port from 1 to 65535.`);
  const suffix = port === undefined ? '' : `:${port}`;
  const [, bracketed] = /^\[(.*)\]$/s.exec(name) ?? [];
  if (
    bracketed !== undefined &&
    port !== undefined &&
    isAddress(bracketed) &&
    bracketed.includes(':')
  )
    return `[${parseAddress(bracketed)}]${suffix}`;
  if (isAddress(name) && !name.includes(':')) return `${name}${suffix}`;
  if (podOrNode.test(name)) return `${name}${suffix}`;
  throw new InvalidArgumentError(endRule);
}

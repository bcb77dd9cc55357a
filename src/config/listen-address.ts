// Listen addresses as text: `127.0.0.1:9655`, `[::1]:9655`.

import { isAddress } from '../net/address.ts';

/** Splits the address; undefined if it is not an address with a port (0: a free one). */
export function splitListenAddress(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:([\d.]+)|\[([0-9a-f:.]+)\]):(\d{1,5})$/i.exec(text);
  if (match === null) return undefined;
  const [, v4, v6, digits] = match;
  const host = v4 ?? v6 ?? '';
  const port = Number(digits);
  return isAddress(host) && port <= 65_535 ? { host, port } : undefined;
}

/** Whether only processes in this network namespace can reach the address. */
export function isLoopback(text: string): boolean {
  const host = splitListenAddress(text)?.host;
  return host !== undefined && (/^127\./.test(host) || host === '::1');
}

/** Whether the two cannot be listened on at the same time: same port, and the same address or a wildcard. */
export function clashes(one: string, other: string): boolean {
  const [left, right] = [splitListenAddress(one), splitListenAddress(other)];
  if (left === undefined || right === undefined) return false;
  if (left.port === 0 || left.port !== right.port) return false;
  return left.host === right.host || [left.host, right.host].some((host) => everyHost.has(host));
}

const everyHost: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

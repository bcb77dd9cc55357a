// Addresses that the agent listens on, as text: `127.0.0.1:9655`, `[::1]:9655`.

import { isAddress } from '../net/address.ts';

/** Its parts; undefined for what is no address with a port (0: a free one). */
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

/** Whether only processes in this network namespace can reach it. */
export function isLoopback(text: string): boolean {
  const host = splitListenAddress(text)?.host;
  return host !== undefined && (/^127\./.test(host) || host === '::1');
}

/** Whether one of the two could not be listened on while the other is: same port, and the same address or every one. */
export function clashes(one: string, other: string): boolean {
  const [left, right] = [splitListenAddress(one), splitListenAddress(other)];
  if (left === undefined || right === undefined) return false;
  if (left.port === 0 || left.port !== right.port) return false;
  return left.host === right.host || [left.host, right.host].some((host) => everyHost.has(host));
}

const everyHost: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

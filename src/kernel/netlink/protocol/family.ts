// Address families and scopes with their rtnetlink numbers.

import type { AddressFamily } from '../../../net/address.ts';

/** AF_INET and AF_INET6. */
export const familyNumbers = { 4: 2, 6: 10 } as const;

/** Undefined for families other than IPv4 and IPv6. */
export function familyOf(number: number): AddressFamily | undefined {
  if (number === familyNumbers[4]) return 4;
  return number === familyNumbers[6] ? 6 : undefined;
}

const scopes = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** Scope of an address or a route (rtnetlink.h, RT_SCOPE_*); a number for a user-defined one. */
export type Scope = keyof typeof scopes | number;

export function scopeNumber(scope: Scope): number {
  return typeof scope === 'number' ? scope : scopes[scope];
}

export function scopeOf(number: number): Scope {
  return scopeNames.get(number) ?? number;
}

const scopeNames = new Map<number, Scope>(
  Object.entries(scopes).map(([name, number]) => [number, name as keyof typeof scopes]),
);

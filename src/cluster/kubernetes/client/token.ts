// What can be read in a bearer token without any key: a service account's is a JSON Web Token that says how long it is good.

import { z } from 'zod';

const claims = z.object({ exp: z.number() });

/** Why a request with these headers was refused, where it is that its token has expired; undefined where it is not. */
export function expiredText(headers: unknown, now: Date): string | undefined {
  const expiry = expiryOf(headers);
  if (expiry === undefined || expiry > now) return undefined;
  return `our token expired at ${expiry.toISOString()}: it is read again as soon as it has been replaced`;
}

function expiryOf(headers: unknown): Date | undefined {
  const { Authorization: header } = (headers ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof header !== 'string') return undefined;
  const [, payload] = header.split('.');
  try {
    const text = Buffer.from(payload ?? '', 'base64url').toString('utf8');
    return new Date(claims.parse(JSON.parse(text)).exp * 1_000);
  } catch {
    // Not a JSON Web Token: nobody but the server knows.
    return undefined;
  }
}

// Reads the expiry time of a bearer token: a service account token is a JSON Web Token, which can be read without a
// key.

import { z } from 'zod';

const claims = z.object({ exp: z.number() });

/** Explains a refused request whose token has expired; undefined for other tokens. */
export function expiredText(headers: unknown, now: Date): string | undefined {
  const expiry = expiryOf(headers);
  if (expiry === undefined || expiry > now) return undefined;
  return `the agent's token expired at ${expiry.toISOString()}: it is read again when it has been replaced`;
}

function expiryOf(headers: unknown): Date | undefined {
  const { Authorization: header } = (headers ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof header !== 'string') return undefined;
  const [, payload] = header.split('.');
  try {
    const text = Buffer.from(payload ?? '', 'base64url').toString('utf8');
    return new Date(claims.parse(JSON.parse(text)).exp * 1_000);
  } catch {
    // Not a JSON Web Token: only the server can read it.
    return undefined;
  }
}

// Tokens of service accounts with the API server's signature and an expiry of the test's choice: the API server itself
// issues none for less than ten minutes.

import { sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface TokenClaims {
  readonly namespace: string;
  readonly name: string;
  /** UID of the ServiceAccount object. */
  readonly uid: string;
  readonly expires: Date;
}

const issuer = 'https://kubernetes.default.svc';

/** @param keyFile the file that the API server has as `--service-account-signing-key-file`: a P-256 key. */
export function serviceAccountToken(keyFile: string, claims: TokenClaims): string {
  const { namespace, name, uid, expires } = claims;
  const exp = Math.floor(expires.getTime() / 1_000);
  const payload = {
    iss: issuer,
    aud: [issuer],
    sub: `system:serviceaccount:${namespace}:${name}`,
    iat: exp - 3_600,
    nbf: exp - 3_600,
    exp,
    'kubernetes.io': { namespace, serviceaccount: { name, uid } },
  };
  const text = [{ alg: 'ES256', typ: 'JWT' }, payload].map(encoded).join('.');
  const key = { key: readFileSync(keyFile), dsaEncoding: 'ieee-p1363' } as const;
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

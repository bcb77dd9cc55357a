// What others may read of addresses and of the server's own words: no credentials, no control characters, not too long.

const removed = '<removed>';

const secrets: readonly (readonly [RegExp, string])[] = [
  // JSON Web Tokens, such as those of service accounts.
  [/\beyJ[\w-]{4,}(\.[\w-]*){0,2}/g, removed],
  [/\b(bearer|basic)\s+(?!<removed>)[^\s"',;]+/gi, `$1 ${removed}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s"'<>]*@/gi, `$1${removed}@`],
  [
    /\b([\w-]*(?:token|password|passwd|secret|api[_-]?key)\b["']?\s*[=:]\s*["']?)(?!<removed>)[^\s&"',;]+/gi,
    `$1${removed}`,
  ],
];

/** An address of an API server without user, password, path and query: `https://192.0.2.1:6443`. */
export function shownServer(address: string): string {
  const hidden = `${/^[a-z]+:\/\//i.exec(address)?.[0] ?? ''}${removed}`;
  if (!URL.canParse(address)) return hidden;
  const { protocol, host, username, password } = new URL(address);
  // An `@` that ends no user belongs to a password that was not encoded: where it begins cannot be told.
  const isAmbiguous = address.includes('@') && username === '' && password === '';
  return isAmbiguous || host === '' ? hidden : `${protocol}//${host}`;
}

/** One line, printable, without what looks like credentials; `most` characters at most. */
export function shownText(text: string, most = 300): string {
  // A text of megabytes is not searched.
  const known = secrets.reduce(
    (kept, [pattern, by]) => kept.replaceAll(pattern, by),
    text.slice(0, 4 * most),
  );
  const line = known.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > most ? `${line.slice(0, most)}...` : line;
}

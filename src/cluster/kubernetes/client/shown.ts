// Makes addresses and text from the server safe to show: without credentials and control characters, and short.

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
  // An `@` without a user belongs to an unencoded password, and the start of that password is unknown.
  const isAmbiguous = address.includes('@') && username === '' && password === '';
  return isAmbiguous || host === '' ? hidden : `${protocol}//${host}`;
}

/** One printable line of at most `most` characters, without anything that looks like credentials. */
export function shownText(text: string, most = 300): string {
  // Megabytes of text are not searched.
  const known = secrets.reduce(
    (kept, [pattern, by]) => kept.replaceAll(pattern, by),
    text.slice(0, 4 * most),
  );
  const line = known.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > most ? `${line.slice(0, most)}...` : line;
}

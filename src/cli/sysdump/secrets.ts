// Removes secrets from texts and objects of a dump. The texts come from every node and tenant, so each step takes time in
// proportion to the text, whatever it contains: no expression here can begin at many places of one run of characters that it
// then reads to the end.

const removed = '<removed>';

/** Names of fields with secret values, in any spelling: `client-key-data`, `bearerToken`. */
const secretName =
  /token|password|passwd|secret|credential|authorization|private.?key|client.?key|(certificate|client.?certificate|ca).?data$|^exec$|^auth.?provider$|last.applied.configuration/i;

/** Replaces every secret in the text by `<removed>`. */
export function withoutSecrets(text: string): string {
  const words = withoutPrivateKeys(text)
    .replaceAll(/[\w.-]+/g, withoutWebTokens)
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${removed}`)
    // A user and password in a URL: https://user:password@host
    .replaceAll(/([a-z0-9+.-]:\/\/)[^\s/@]+@/gi, `$1${removed}@`);
  return withoutSecretLines(words);
}

/**
 * Returns a copy in which the value of every field with a secret's name, and every secret in a text, is `<removed>`.
 */
export function objectWithoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (Array.isArray(value)) return value.map(objectWithoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, field]) => [
    key,
    secretName.test(key) && isValue(field) ? removed : objectWithoutSecrets(field),
  ]);
  return Object.fromEntries(entries);
}

// `automountServiceAccountToken: false` and the name of a Secret are not secret.
function isValue(field: unknown): boolean {
  return (
    (typeof field === 'string' && field !== '') || (typeof field === 'object' && field !== null)
  );
}

function withoutPrivateKeys(text: string): string {
  const begin = /-----BEGIN [A-Z ]*PRIVATE KEY-----/g;
  const end = /-----END [A-Z ]*PRIVATE KEY-----/g;
  let kept = '';
  let at = 0;
  for (;;) {
    begin.lastIndex = at;
    const first = begin.exec(text);
    if (first === null) break;
    end.lastIndex = begin.lastIndex;
    // If this key does not end, no later one does.
    if (end.exec(text) === null) break;
    kept += text.slice(at, first.index) + removed;
    at = end.lastIndex;
  }
  return kept + text.slice(at);
}

// JSON web tokens, such as those of service accounts: three parts, of which the first begins `eyJ` and the last may be empty.
// `run`: all characters that a token may have, up to the next other one.
function withoutWebTokens(run: string): string {
  if (!run.includes('eyJ')) return run;
  const parts = run.split('.');
  const kept: string[] = [];
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] ?? '';
    const start = part.search(/(?<![\w])eyJ/);
    const isToken =
      start !== -1 &&
      part.length - start >= 'eyJ'.length + 8 &&
      (parts[index + 1] ?? '') !== '' &&
      index + 2 < parts.length;
    kept.push(isToken ? part.slice(0, start) + removed : part);
    if (isToken) index += 2;
  }
  return kept.join('.');
}

const secretField =
  /(?:token|password|passwd|client-key-data|client-certificate-data|private-key)$/i;

// `key: value` and `key=value` in YAML and logs. A value may be on the next line that is not blank.
function withoutSecretLines(text: string): string {
  let isExpected = false;
  return text.replaceAll(/[^\n\r\u2028\u2029]+/g, (line) => {
    const indentation = line.length - line.trimStart().length;
    if (indentation === line.length) return line;
    const field = isExpected ? indentation : secretValueAt(line);
    isExpected = field === line.length;
    if (field === undefined || isExpected || /^[|{[]?\s*$/.test(line.slice(field))) return line;
    return line.slice(0, field) + removed;
  });
}

/** Index of the value of a field with a secret's name; undefined: the line has no such field. */
function secretValueAt(line: string): number | undefined {
  const key = /^\s*(?:-\s*)?"?([\w.-]*)"?/.exec(line);
  if (key === null || !secretField.test(key[1] ?? '')) return undefined;
  const separator = /\s*[:=]\s*/y;
  separator.lastIndex = key[0].length;
  return separator.test(line) ? separator.lastIndex : undefined;
}

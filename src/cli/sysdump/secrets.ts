// Removes secrets from texts and objects of a dump.

const removed = '<removed>';

/** Names of fields with secret values, in any spelling: `client-key-data`, `bearerToken`. */
const secretName =
  /token|password|passwd|secret|credential|authorization|private.?key|client.?key|(certificate|client.?certificate|ca).?data$|^exec$|^auth.?provider$|last.applied.configuration/i;

const secretTexts: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, removed],
  // JSON web tokens, such as those of service accounts.
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, removed],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${removed}`],
  // A user and password in a URL: https://user:password@host
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${removed}@`],
  // `key: value` and `key=value` in YAML and logs.
  [
    /^(\s*-?\s*"?[\w.-]*(?:token|password|passwd|client-key-data|client-certificate-data|private-key)"?\s*[:=]\s*)(?!\s*[|{[]?\s*$)\S.*$/gim,
    `$1${removed}`,
  ],
];

/** Replaces every secret in the text by `<removed>`. */
export function withoutSecrets(text: string): string {
  return secretTexts.reduce((kept, [pattern, by]) => kept.replaceAll(pattern, by), text);
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

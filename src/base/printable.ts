// Makes text from outside safe for terminals and logs: an annotation, name or error text must not move the cursor, set
// a title, reverse the reading direction or fill the screen.

/** Maximum length of a single field, such as an annotation. */
export const fieldLength = 63;
/** Maximum length of a sentence. */
export const sentenceLength = 1_000;

// Control characters (C0, DEL, C1), invisible and direction-changing characters (Cf), line and paragraph separators,
// unpaired surrogates, private and unassigned characters.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/**
 * Replaces unprintable characters by escapes (`\x1b`, `\n`, `\u{202e}`) and cuts text that is longer than `most`
 * characters.
 */
export function printable(text: string, most: number = sentenceLength): string {
  const cut =
    text.length > most ? `${wholeStart(text, most)}... (${text.length} characters)` : text;
  return cut.replace(unprintable, escaped);
}

export function isPrintable(text: string): boolean {
  return text.search(unprintable) === -1;
}

/** Escapes characters that JSON allows inside strings but a terminal would interpret. The JSON value stays the same. */
export function printableJson(json: string): string {
  return json.replace(unprintable, (character) => {
    // JSON has no other such characters outside strings.
    if (character === '\n') return character;
    return Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join('');
  });
}

/** Makes every string in the value printable, at any depth. Returns the same value if all are already. */
export function printableStrings<Value>(value: Value, most: number = sentenceLength): Value {
  return changed(value, (text) => printable(text, most), 0) as Value;
}

/** Cuts every string in the value to `most` characters. Nothing is escaped. */
export function boundedStrings<Value>(value: Value, most: number): Value {
  const bound = (text: string): string =>
    text.length > most ? `${wholeStart(text, most)}... (${text.length} characters)` : text;
  return changed(value, bound, 0) as Value;
}

const deepest = 12;

function changed(value: unknown, change: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return change(value);
  if (depth > deepest || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => changed(item, change, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [change(key), changed(item, change, depth + 1)]),
  );
}

// Does not cut inside a surrogate pair.
function wholeStart(text: string, most: number): string {
  const isHigh = /[\ud800-\udbff]/.test(text.charAt(most - 1));
  return text.slice(0, isHigh ? most - 1 : most);
}

const names: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return names[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
}

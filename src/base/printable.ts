// Text from outside as a terminal and a log can show it: whoever writes an annotation, a name or an error text must not
// move the cursor, set a title, turn the reading direction round or fill the screen.

/** Of values of single fields, such as annotations. */
export const fieldLength = 63;
/** Of whole sentences. */
export const sentenceLength = 1_000;

// Control characters (C0, DEL, C1), what is invisible or turns the direction (Cf), line and paragraph separators, halves of
// surrogate pairs, private and unassigned characters.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** With escapes (`\x1b`, `\n`, `\u{202e}`) instead of what is unprintable, cut where it is longer than `most` characters. */
export function printable(text: string, most: number = sentenceLength): string {
  const cut =
    text.length > most ? `${wholeStart(text, most)}... (${text.length} characters)` : text;
  return cut.replace(unprintable, escaped);
}

export function isPrintable(text: string): boolean {
  return text.search(unprintable) === -1;
}

/** JSON as it is, but for characters that JSON allows inside of strings and a terminal would act on. */
export function printableJson(json: string): string {
  return json.replace(unprintable, (character) => {
    // Outside of strings JSON has no others.
    if (character === '\n') return character;
    return Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join('');
  });
}

/** Every string in it, at any depth, made printable; the same value where all are. */
export function printableStrings<Value>(value: Value, most: number = sentenceLength): Value {
  return changed(value, (text) => printable(text, most), 0) as Value;
}

/** Every string in it cut to at most that many characters, with nothing escaped. */
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

// Not in the middle of a surrogate pair.
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

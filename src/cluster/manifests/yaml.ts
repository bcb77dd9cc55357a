// Parses the text of one manifest into plain values: encodings, documents, scalars and lists as kubectl reads them.

import {
  Composer,
  type Document,
  LineCounter,
  Parser,
  type ScalarTag,
  Schema,
  type YAMLParseError,
} from 'yaml';
import { errorText } from '../../base/errors.ts';
import { InputError } from '../../base/input-error.ts';
import { itemsOf, type RawItem } from './list.ts';

/** UTF-8, or UTF-16 with a byte order mark, as written by PowerShell. Throws Error for other encodings. */
export function manifestText(bytes: Uint8Array): string {
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error(`is not ${encoding.toUpperCase()}`, { cause: error });
  }
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return 'utf-8';
}

/**
 * Documents are numbered as they appear in the file, including empty ones. Throws InputError.
 * @param path as shown to users
 */
export function rawItems(path: string, text: string): readonly RawItem[] {
  const lines = new LineCounter();
  const composer = new Composer(options);
  const items: RawItem[] = [];
  let documents = 0;
  try {
    // One document at a time: its nodes take ten times the memory of its values.
    for (const document of composer.compose(new Parser(lines.addNewLine).parse(text))) {
      documents++;
      const origin = `${path}, document ${documents}`;
      demandNoError(document.errors, origin, lines);
      const raw = plainValue(document, origin);
      if (raw === null || raw === undefined) continue;
      for (const item of itemsOf({ origin, raw })) items.push(item);
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError({ object: path, rule: notYaml(error) }, { cause: error });
  }
  // Errors outside documents.
  demandNoError(composer.streamInfo().errors, path, lines);
  return items;
}

// kubectl reads YAML 1.1 except for dates and base 60.
const wordBoolean: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: /^(?:[Yy]|[Yy]es|YES|[Nn]|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$/,
  resolve: (text) => /^(?:y|yes|on)$/i.test(text),
};

const octal: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^[-+]?0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

// One schema for all documents, whatever version their directives name. `merge`: kubectl supports merge keys (<<).
const schema = new Schema({
  schema: 'core',
  merge: true,
  customTags: (tags) => [wordBoolean, octal, ...tags],
});

// The library would write warnings to standard error, one per document. `stringKeys`: `on` and `80` are names in a map.
const options = { schema, stringKeys: true, logLevel: 'error' } as const;

function demandNoError(
  [error]: readonly YAMLParseError[],
  object: string,
  lines: LineCounter,
): void {
  if (error === undefined) return;
  const rule = notYaml(error);
  const [offset] = error.pos;
  // The position at which the stack overflows varies.
  if (offset === -1 || rule === tooDeep) throw new InputError({ object, rule });
  const { line, col } = lines.linePos(offset);
  throw new InputError({ object, rule: `${rule} at line ${line}, column ${col}` });
}

function plainValue(document: Document.Parsed, object: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Unresolved aliases and alias bombs are only detected here.
    throw new InputError({ object, rule: notYaml(error) }, { cause: error });
  }
}

const tooDeep = 'is nested too deeply';

function notYaml(error: unknown): string {
  const text = errorText(error);
  if (text.includes('Maximum call stack')) return tooDeep;
  return `is not YAML: ${text.split('\n', 1)[0] ?? text}`;
}

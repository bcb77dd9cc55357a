// Parses the output of `iptables-legacy-save` into the form in which nftables rules are walked. Unknown parts become
// matches that cannot be evaluated; nothing is omitted.

import type { NftFamily } from '../../../kernel/netfilter/nft-family.ts';
import { optionOf } from './legacy-options.ts';
import {
  type BaseChain,
  type Expression,
  type ListedChain,
  mostRules,
  passedOver,
  type RuleSet,
} from './rule-set.ts';

/**
 * One or several tables: comments, `*table`, `:CHAIN POLICY`, `-A CHAIN ...`, `COMMIT`. Yields every few milliseconds.
 */
export function* legacyReading(
  family: NftFamily,
  text: string,
): Generator<undefined, readonly RuleSet[]> {
  const tables: RuleSet[] = [];
  for (const section of text.split(/^(?=\*)/m)) {
    if (section.startsWith('*')) tables.push(yield* readTable(family, section.split('\n')));
  }
  return tables;
}

const linesInPiece = 1_000;

export function ruleCount({ chains }: RuleSet): number {
  return [...chains.values()].reduce((sum, { rules }) => sum + rules.length, 0);
}

function* readTable(family: NftFamily, lines: readonly string[]): Generator<undefined, RuleSet> {
  const table = (lines[0] ?? '').slice(1).trim();
  const origin = 'iptables-legacy';
  const count = lines.reduce((sum, line) => (line.startsWith('-A ') ? sum + 1 : sum), 0);
  if (count > mostRules) return passedOver({ family, table, origin });
  const chains = new Map<string, ListedChain>();
  const rules = new Map<string, (readonly Expression[])[]>();
  for (const [index, line] of lines.entries()) {
    if (index % linesInPiece === linesInPiece - 1) yield undefined;
    const words = wordsOf(line);
    const [first = '', second = ''] = words.map(({ text }) => text);
    if (first.startsWith(':')) {
      const name = first.slice(1);
      const base = baseOf(table, name, second);
      const own: (readonly Expression[])[] = [];
      rules.set(name, own);
      chains.set(name, {
        family,
        table,
        name,
        ...(base === undefined ? {} : { base }),
        rules: own,
      });
    } else if (first === '-A') {
      rules.get(second)?.push(readRule(words.slice(2), chains));
    }
  }
  return { family, table, origin, chains };
}

const priorities: Readonly<Record<string, number>> = { raw: -300, mangle: -150, security: 50 };

// A user-defined chain has the policy `-`.
function baseOf(table: string, name: string, policy: string): BaseChain | undefined {
  if (policy === '-') return undefined;
  return {
    type: table === 'nat' ? 'nat' : 'filter',
    hook: name.toLowerCase(),
    priority: priorities[table] ?? 0,
    policy: policy === 'DROP' ? 'drop' : 'accept',
  };
}

interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
}

// Words with spaces are quoted; inside quotes, a backslash escapes quotes and backslashes.
function wordsOf(line: string): readonly Word[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    plain === undefined
      ? { text: (quoted ?? '').replace(/\\(.)/g, '$1'), isQuoted: true }
      : { text: plain, isQuoted: false },
  );
}

interface Option {
  readonly name: string;
  readonly isInverted: boolean;
  readonly values: readonly string[];
}

function readRule(
  words: readonly Word[],
  chains: ReadonlyMap<string, unknown>,
): readonly Expression[] {
  let extension = '';
  return optionsOf(words).flatMap((option): Expression[] => {
    if (option.name === '-m') extension = option.values[0] ?? '';
    // The following options belong to the target.
    if (option.name === '-j') extension = `-j ${option.values[0] ?? ''}`;
    return optionOf({ ...option, extension, isChain: (name) => chains.has(name) });
  });
}

/** `! -s 10.0.0.0/8 --ctstate NEW`: a word that begins with a dash is an option; the words after it are its values. */
function optionsOf(words: readonly Word[]): readonly Option[] {
  const options: { name: string; isInverted: boolean; values: string[] }[] = [];
  let isInverted = false;
  let isText = false;
  for (const { text, isQuoted } of words) {
    const isValue = isQuoted || isText;
    if (text === '!' && !isValue) {
      isInverted = true;
    } else if (/^--?[a-zA-Z]/.test(text) && !isValue) {
      options.push({ name: text, isInverted, values: [] });
      isInverted = false;
      // Single-word texts are not quoted, whatever they begin with.
      isText = textOptions.has(text);
    } else {
      options.at(-1)?.values.push(text);
      isText = false;
    }
  }
  return options;
}

const textOptions: ReadonlySet<string> = new Set(['--comment', '--log-prefix', '--nflog-prefix']);

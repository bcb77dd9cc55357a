// Colours mark only what needs attention. They are off if the output is not a terminal or NO_COLOR is set
// (https://no-color.org).

export interface Style {
  /** Marks a failure. */
  alarm(text: string): string;
  /** Marks a state that is not final yet. */
  notice(text: string): string;
  /** Marks headings. */
  quiet(text: string): string;
}

export const plain: Style = { alarm: same, notice: same, quiet: same };

const coloured: Style = {
  alarm: (text) => `\x1b[1;31m${text}\x1b[0m`,
  notice: (text) => `\x1b[33m${text}\x1b[0m`,
  quiet: (text) => `\x1b[2m${text}\x1b[0m`,
};

export interface OutputKind {
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function styleFor({ isTerminal, env }: OutputKind): Style {
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return isTerminal && !refused ? coloured : plain;
}

function same(text: string): string {
  return text;
}

// Colour, which marks only what needs attention. Off when the output is no terminal, and where NO_COLOR is set
// (https://no-color.org).

export interface Style {
  /** What is wrong. */
  alarm(text: string): string;
  /** What is not right yet. */
  notice(text: string): string;
  /** Headings. */
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

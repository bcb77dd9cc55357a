// Cuts the verifier's log down to what tells: its verdict, the instructions that led there and their source lines.

export interface VerifierVerdict {
  /** The verifier's own sentence: `R1 invalid mem access 'scalar'`. */
  readonly message: string;
  /** The last instructions before it, source lines (`; ...`) kept, oldest first. */
  readonly lines: readonly string[];
}

const keptInstructions = 8;

const isInstruction = (line: string) => /^\d+: \([0-9a-f]{2}\) /.test(line);
const isSource = (line: string) => line.startsWith('; ');
// Register states, path changes and statistics: long, and of little use without the whole log.
const isNoise = (line: string) =>
  line === '' ||
  /^(\d+: (R\d|frame\d|safe)|from \d+ to|func#|processed \d|verification time|stack depth|max_states|peak_states|mark_precise|BPF program load|-- (BEGIN|END))/.test(
    line,
  ) ||
  /^(last_idx|regs=|parent |first_idx)/.test(line);

/** undefined for a log in which the verifier says nothing. */
export function readVerifierLog(log: string): VerifierVerdict | undefined {
  const lines = log
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => !isNoise(line));
  const lastInstruction = lines.findLastIndex((line) => isInstruction(line) || isSource(line));
  const messages = lines.slice(lastInstruction + 1);
  // With no message of its own the last line is all there is to say.
  const message = messages.length > 0 ? messages.join('; ') : lines.at(-1);
  if (message === undefined) return undefined;
  const code = lines.slice(0, lastInstruction + 1);
  return { message, lines: lastInstructions(code).map(withoutStates) };
}

/** From the source line before the first of the last instructions on. */
function lastInstructions(lines: readonly string[]): readonly string[] {
  const instructions = lines.flatMap((line, index) => (isInstruction(line) ? [index] : []));
  const first = instructions.at(-keptInstructions) ?? 0;
  const start = lines.slice(0, first).findLastIndex(isSource);
  return lines.slice(first - start <= 2 && start >= 0 ? start : first);
}

/** Keeps the instruction, drops what the verifier knew afterwards (`; R1_w=...`). */
function withoutStates(line: string): string {
  return isInstruction(line) ? line.replace(/\s+; (R\d|frame|fp-).*$/, '') : line;
}

// Reduces the verifier's log to the relevant parts: its verdict, the instructions before it and their source lines.

export interface VerifierVerdict {
  /** The verifier's message: `R1 invalid mem access 'scalar'`. */
  readonly message: string;
  /** The last instructions before it, with source lines (`; ...`), oldest first. */
  readonly lines: readonly string[];
}

const keptInstructions = 8;

const isInstruction = (line: string) => /^\d+: \([0-9a-f]{2}\) /.test(line);
const isSource = (line: string) => line.startsWith('; ');
// Register states, path changes and statistics are long and of little use without the whole log.
const isNoise = (line: string) =>
  line === '' ||
  /^(\d+: (R\d|frame\d|safe)|from \d+ to|func#|processed \d|verification time|stack depth|max_states|peak_states|mark_precise|BPF program load|-- (BEGIN|END))/.test(
    line,
  ) ||
  /^(last_idx|regs=|parent |first_idx)/.test(line);

/** undefined for a log without a verdict. */
export function readVerifierLog(log: string): VerifierVerdict | undefined {
  const lines = log
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => !isNoise(line));
  const lastInstruction = lines.findLastIndex((line) => isInstruction(line) || isSource(line));
  const messages = lines.slice(lastInstruction + 1);
  // Without a message, the last line is the only information.
  const message = messages.length > 0 ? messages.join('; ') : lines.at(-1);
  if (message === undefined) return undefined;
  const code = lines.slice(0, lastInstruction + 1);
  return { message, lines: lastInstructions(code).map(withoutStates) };
}

/** Starts at the source line before the first of the last instructions. */
function lastInstructions(lines: readonly string[]): readonly string[] {
  const instructions = lines.flatMap((line, index) => (isInstruction(line) ? [index] : []));
  const first = instructions.at(-keptInstructions) ?? 0;
  const start = lines.slice(0, first).findLastIndex(isSource);
  return lines.slice(first - start <= 2 && start >= 0 ? start : first);
}

/** Keeps the instruction and removes the verifier's state after it (`; R1_w=...`). */
function withoutStates(line: string): string {
  return isInstruction(line) ? line.replace(/\s+; (R\d|frame|fp-).*$/, '') : line;
}

// The tree of commands as completion scripts need it.

/** One command. */
export interface CompletionNode {
  /** From the program down: `heddle`, `maps`, `dump`. */
  readonly path: readonly string[];
  readonly words: readonly CompletionWord[];
  readonly commands: readonly CompletionNode[];
}

/** What may come next: a command's name, a flag, or the value of an argument. */
export interface CompletionWord {
  readonly word: string;
  readonly description: string;
}

/** The node and all below it, parents first. */
export function flatten(node: CompletionNode): readonly CompletionNode[] {
  return [node, ...node.commands.flatMap(flatten)];
}

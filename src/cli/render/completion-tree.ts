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
  /** What may follow a flag, where that is known. */
  readonly values: readonly string[];
}

/** A place where one of a few values must come: `heddle flows --verdict`. */
export interface ValuePlace {
  readonly place: string;
  readonly values: readonly string[];
}

export function valuePlaces(nodes: readonly CompletionNode[]): readonly ValuePlace[] {
  return nodes.flatMap(({ path, words }) =>
    words
      .filter(({ values }) => values.length > 0)
      .map(({ word, values }) => ({ place: `${path.join(' ')} ${word}`, values })),
  );
}

/** The node and all below it, parents first. */
export function flatten(node: CompletionNode): readonly CompletionNode[] {
  return [node, ...node.commands.flatMap(flatten)];
}

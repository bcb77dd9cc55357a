// The tree of commands in the form that completion scripts need.

/** One command. */
export interface CompletionNode {
  /** Path from the program down: `heddle`, `maps`, `dump`. */
  readonly path: readonly string[];
  readonly words: readonly CompletionWord[];
  readonly commands: readonly CompletionNode[];
}

/** A possible next word: the name of a command, a flag, or the value of an argument. */
export interface CompletionWord {
  readonly word: string;
  readonly description: string;
  /** Possible values of the flag, if they are known. */
  readonly values: readonly string[];
}

/** A position that takes one of a few values: `heddle flows --verdict`. */
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

/** The node and all its descendants, parents first. */
export function flatten(node: CompletionNode): readonly CompletionNode[] {
  return [node, ...node.commands.flatMap(flatten)];
}

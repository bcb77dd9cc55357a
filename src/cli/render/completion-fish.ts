// The completion script for fish (complete(1)).

import { type CompletionNode, type CompletionWord, flatten } from './completion-tree.ts';

export function fishCompletion(root: CompletionNode): string {
  const nodes = flatten(root);
  const paths = nodes.map((node) => `"${node.path.join(' ')}"`).join(' ');
  const lines = nodes.flatMap(({ path, words }) =>
    words.map((word) => `complete -c heddle -n '__heddle_at ${path.join(' ')}' ${candidate(word)}`),
  );
  return `# fish completion for heddle: heddle completion fish | source
function __heddle_at
  set -l path heddle
  for word in (commandline -opc)[2..-1]
    switch "$path $word"
      case ${paths}
        set path "$path $word"
    end
  end
  test "$path" = "$argv"
end
complete -c heddle -f
${lines.join('\n')}
`;
}

function candidate({ word, description, values }: CompletionWord): string {
  const told = description === '' ? '' : ` -d '${quoted(description)}'`;
  const follows = values.length === 0 ? '' : ` -x -a '${values.join(' ')}'`;
  return word.startsWith('--')
    ? `-l ${word.slice(2)}${follows}${told}`
    : `-a '${quoted(word)}'${told}`;
}

function quoted(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
}

// The completion script for zsh (zshcompsys(1)).

import {
  type CompletionNode,
  type CompletionWord,
  flatten,
  valuePlaces,
} from './completion-tree.ts';

export function zshCompletion(root: CompletionNode): string {
  const nodes = flatten(root);
  const paths = nodes.map((node) => `"${node.path.join(' ')}"`).join(' | ');
  const cases = nodes.map(
    ({ path, words }) => `    "${path.join(' ')}") entries=(${words.map(entry).join(' ')}) ;;`,
  );
  const values = valuePlaces(nodes).map(
    (one) => `    "${one.place}") entries=(${one.values.join(' ')}) ;;`,
  );
  return `#compdef heddle
# zsh completion for heddle: source <(heddle completion zsh), or save as _heddle in a folder of $fpath
_heddle() {
  local path_so_far=heddle word
  local -a entries
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$path_so_far $word" in
    ${paths}) path_so_far="$path_so_far $word" ;;
    esac
  done
  case "$path_so_far" in
${cases.join('\n')}
  esac
  case "$path_so_far \${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  _describe heddle entries || _files
}
compdef _heddle heddle
`;
}

/** `word:description`; a colon in the word itself is escaped. */
function entry({ word, description }: CompletionWord): string {
  const text = `${word.replaceAll(':', '\\:')}:${description}`;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// The completion script for bash (programmable completion, bash(1)).

import { type CompletionNode, flatten, valuePlaces } from './completion-tree.ts';

export function bashCompletion(root: CompletionNode): string {
  const nodes = flatten(root);
  const paths = nodes.map((node) => `"${node.path.join(' ')}"`).join(' | ');
  const cases = nodes.map(
    ({ path, words }) =>
      `    "${path.join(' ')}") words="${words.map(({ word }) => word).join(' ')}" ;;`,
  );
  const values = valuePlaces(nodes).map(
    (one) => `    "${one.place}") words="${one.values.join(' ')}" ;;`,
  );
  return `# bash completion for heddle: source <(heddle completion bash)
_heddle() {
  local current=\${COMP_WORDS[COMP_CWORD]} path=heddle words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
    ${paths}) path="$path $word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  case "$path \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _heddle heddle
`;
}

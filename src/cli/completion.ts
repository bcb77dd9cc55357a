// `heddle completion bash|zsh|fish`: a script for the shell, generated from the tree of commands.

import { Argument, Command, type Option } from 'commander';
import { bashCompletion } from './render/completion-bash.ts';
import { fishCompletion } from './render/completion-fish.ts';
import type { CompletionNode, CompletionWord } from './render/completion-tree.ts';
import { zshCompletion } from './render/completion-zsh.ts';

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export function completionCommand(): Command {
  const command = new Command('completion')
    .description('print a completion script for a shell: source <(heddle completion bash)')
    .addArgument(new Argument('<shell>', 'name of the shell').choices(Object.keys(shells)));
  return command.action((shell: keyof typeof shells) => {
    const root = command.parent ?? command;
    process.stdout.write(shells[shell](completionTree(root)));
  });
}

export function completionTree(command: Command, parents: readonly string[] = []): CompletionNode {
  const path = [...parents, command.name()];
  const visible = command.createHelp().visibleCommands(command);
  const options = command.createHelp().visibleOptions(command);
  const commands = visible.filter((child) => child.name() !== 'help');
  return {
    path,
    words: [
      ...commands.map((child) => ({
        word: child.name(),
        description: child.description(),
        values: [],
      })),
      ...command.registeredArguments.flatMap(({ argChoices = [] }) =>
        argChoices.map((word) => ({ word, description: '', values: [] })),
      ),
      ...options.flatMap(optionWords),
    ],
    commands: commands.map((child) => completionTree(child, path)),
  };
}

function optionWords(option: Option): CompletionWord[] {
  const flag = option.long ?? option.short;
  if (flag === undefined) return [];
  return [{ word: flag, description: option.description, values: option.argChoices ?? [] }];
}

// `heddle nodes`

import type { Command } from 'commander';
import { answerQuestion, type DataOptions, dataCommand } from './data-command.ts';
import { renderNodes } from './render/nodes.ts';

export function nodesCommand(): Command {
  return dataCommand('nodes', 'show the nodes of the cluster with their pod ranges').action(
    async (options: DataOptions) => {
      await answerQuestion(options, { ask: (client) => client.nodes(), render: renderNodes });
    },
  );
}

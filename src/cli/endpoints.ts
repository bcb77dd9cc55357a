// `heddle endpoints`

import type { Command } from 'commander';
import { answerQuestion, type DataOptions, dataCommand } from './data-command.ts';
import { renderEndpoints } from './render/endpoints.ts';

export function endpointsCommand(): Command {
  return dataCommand('endpoints', 'show the pods of the node with their traffic').action(
    async (options: DataOptions) => {
      await answerQuestion(options, {
        ask: (client) => client.endpoints(),
        render: renderEndpoints,
      });
    },
  );
}

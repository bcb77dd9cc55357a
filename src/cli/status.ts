// `heddle status`

import type { Command } from 'commander';
import { answerQuestion, type DataOptions, dataCommand } from './data-command.ts';
import { renderStatus } from './render/status.ts';

export function statusCommand(): Command {
  return dataCommand('status', 'show whether the node is healthy; exit code 1 if it is not').action(
    async (options: DataOptions) => {
      const answers = await answerQuestion(options, {
        ask: (client) => client.status(),
        render: (status, style) => renderStatus(status, { now: new Date(), style }),
        isTitled: true,
      });
      if (answers.some((status) => status.health.state !== 'healthy')) process.exitCode = 1;
    },
  );
}

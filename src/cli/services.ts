// `heddle services`, `heddle services explain`

import { Argument, type Command } from 'commander';
import { answerQuestion, type DataOptions, dataCommand } from './data-command.ts';
import { renderExplanation } from './render/service-explanation.ts';
import { renderServiceList, renderServices } from './render/services.ts';

export function servicesCommand(): Command {
  return dataCommand('services', "show Services as Kubernetes' rules want them on this node")
    .addArgument(new Argument('[name]', 'namespace/name or name: show its frontends and backends'))
    .action(async (name: string | undefined, options: DataOptions) => {
      if (name === undefined) {
        const ask = { render: renderServiceList };
        await answerQuestion(options, { ask: (client) => client.services(), ...ask });
      } else {
        await answerQuestion(options, {
          ask: (client) => client.service(name),
          render: renderServices,
        });
      }
    })
    .addCommand(explainCommand());
}

function explainCommand(): Command {
  return dataCommand('explain', 'show which backends a client gets at an address, and why')
    .addArgument(
      new Argument('<from>', 'a pod of the node (namespace/name), `node`, or an address outside'),
    )
    .addArgument(new Argument('<to>', 'ADDRESS:PORT or [IPV6]:PORT, with /udp or /sctp'))
    .action(async (from: string, to: string, options: DataOptions) => {
      await answerQuestion(options, {
        ask: (client) => client.explainService(from, to),
        render: renderExplanation,
      });
    });
}

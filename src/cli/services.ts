// `heddle services`, `heddle services connections`, `heddle services explain`

import { Argument, type Command } from 'commander';
import { answerQuestion, type DataOptions, dataCommand } from './data-command.ts';
import { renderServiceConnections } from './render/service-connections.ts';
import { renderExplanation } from './render/service-explanation.ts';
import { renderServiceList, renderServices } from './render/services.ts';
import { parseCount } from './values.ts';

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
    .addCommand(connectionsCommand())
    .addCommand(explainCommand());
}

interface ConnectionsCommandOptions extends DataOptions {
  readonly pod?: string;
  readonly limit?: number;
}

const connectionExamples = `
Examples:
  heddle services connections
  heddle services connections shop/web
  heddle services connections --pod shop/client-1 -o json
`;

function connectionsCommand(): Command {
  return dataCommand('connections', 'show the current connections to Services on this node')
    .addArgument(new Argument('[name]', 'namespace/name or name: only those to this Service'))
    .option('--pod <namespace/name>', 'only those from or to this pod')
    .option('--limit <number>', 'maximum number for each way (default: 1000)', parseCount)
    .addHelpText('after', connectionExamples)
    .action(async (service: string | undefined, options: ConnectionsCommandOptions) => {
      const { pod, limit } = options;
      await answerQuestion(options, {
        ask: (client) => client.serviceConnections({ service, pod, limit }),
        render: renderServiceConnections,
      });
    });
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

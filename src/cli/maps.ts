// `heddle maps list` and `heddle maps dump NAME`

import { Command } from 'commander';
import { answerQuestion, type DataOptions, dataCommand } from './data-command.ts';
import { renderMapDump, renderMapList } from './render/maps.ts';
import { parseCount } from './values.ts';

export function mapsCommand(): Command {
  return new Command('maps')
    .description('show the BPF maps of the data path')
    .addCommand(listCommand())
    .addCommand(dumpCommand());
}

function listCommand(): Command {
  return dataCommand('list', 'show all maps and their number of entries').action(
    async (options: DataOptions) => {
      await answerQuestion(options, {
        ask: (client) => client.maps(),
        render: ({ maps }, style) => renderMapList(maps, style),
      });
    },
  );
}

function dumpCommand(): Command {
  return dataCommand('dump', 'show the entries of a map with their fields')
    .argument('<name>', 'a name from `heddle maps list`')
    .option('--limit <number>', 'maximum number of entries (default: 10000)', parseCount)
    .action(async (name: string, options: DataOptions & { readonly limit?: number }) => {
      await answerQuestion(options, {
        ask: (client) => client.map(name, options.limit),
        render: renderMapDump,
      });
    });
}

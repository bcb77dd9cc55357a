// `heddle sysdump`

import { lstatSync, writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { defaultSocket } from '../api/socket.ts';
import { errorText } from '../base/errors.ts';
import { replaceFile } from '../base/replace-file.ts';
import { AgentClient } from './client/client.ts';
import { CommandError } from './client/command-error.ts';
import { type ArchiveFile, tarGz } from './sysdump/archive.ts';

interface SysdumpFlags {
  readonly output?: string;
  readonly format: 'tar' | 'json';
  readonly socket?: string;
  readonly config: string;
  readonly cluster?: true;
  readonly kubeconfig?: string;
  readonly namespace: string;
}

export function sysdumpCommand(): Command {
  return new Command('sysdump')
    .description(
      'collect what a bug report needs in one .tar.gz without secrets: from this node, or from all nodes with --cluster',
    )
    .option(
      '--output <file>',
      'output file; - is standard output (default: heddle-sysdump-TIME.tar.gz)',
    )
    .addOption(
      new Option('--format <format>', 'json: an array of { path, content }')
        .choices(['tar', 'json'])
        .default('tar'),
    )
    .option('--socket <path>', `the agent's socket (default: HEDDLE_SOCKET, or ${defaultSocket})`)
    .option('--config <file>', "the agent's configuration file", '/etc/heddle/config.yaml')
    .option('--cluster', 'query every agent of the cluster through its API server')
    .option(
      '--kubeconfig <file>',
      'kubeconfig for the API server (default: as kubectl); implies --cluster',
    )
    .option('--namespace <name>', "namespace of the agents' pods", 'kube-system')
    .action(run);
}

async function run(flags: SysdumpFlags): Promise<void> {
  const takenAt = new Date();
  const files = await collect(flags);
  const folder = `heddle-sysdump-${takenAt.toISOString().replaceAll(/[:.]/g, '-')}`;
  const content =
    flags.format === 'json'
      ? Buffer.from(JSON.stringify(files))
      : tarGz(
          files.map(({ path, content: text }) => ({ path: `${folder}/${path}`, content: text })),
          takenAt,
        );
  const output = flags.output ?? `${folder}.${flags.format === 'json' ? 'json' : 'tar.gz'}`;
  if (output === '-') {
    await new Promise((resolve) => process.stdout.write(content, resolve));
    return;
  }
  write(output, content);
  const lacking = files.filter(({ path }) => path.endsWith('.missing')).length;
  const note = lacking === 0 ? '' : `; ${lacking} of them say what could not be collected`;
  console.log(`${output}  ${files.length} files, ${content.length} bytes${note}`);
}

// Flows and addresses are private. In /tmp, another user may have created the file or a link in its place.
function write(output: string, content: Buffer): void {
  try {
    const present = lstatSync(output, { throwIfNoEntry: false });
    if (present?.isSymbolicLink() === true) {
      throw new CommandError(
        `${output} is a symbolic link: name the file itself, or - for standard output`,
      );
    }
    if (present === undefined || present.isFile()) replaceFile(output, content);
    else writeFileSync(output, content);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    // The error of a full disk contains no path.
    const reason = errorText(error);
    throw new CommandError(`${output} cannot be written: ${reason}`, { cause: error });
  }
}

async function collect(flags: SysdumpFlags): Promise<readonly ArchiveFile[]> {
  const onProgress = (text: string): void => console.error(`collecting ${text} ...`);
  const { kubeconfig, namespace, cluster, config } = flags;
  if (cluster === true || kubeconfig !== undefined) {
    const { clusterDump } = await import('./sysdump/cluster-dump.ts');
    return await clusterDump({ kubeconfig, namespace, onProgress });
  }
  const { nodeDump } = await import('./sysdump/node-dump.ts');
  const socket = flags.socket ?? (process.env['HEDDLE_SOCKET'] || defaultSocket);
  return await nodeDump({ client: new AgentClient(socket), config, onProgress });
}

// Where CNI files are: as the command line says, else as the agent's configuration says, else where runtimes look.

import { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { AgentConfig } from '../config/schema.ts';

/** What `--config`, `--bin-dir` and `--conf-dir` were given. */
export interface CniPlaceFlags {
  readonly config?: string;
  readonly binDir?: string;
  readonly confDir?: string;
}

/** A command with the flags that say where CNI files are. */
export function commandWithCniPlaces(name: string): Command {
  return new Command(name)
    .option('-c, --config <file>', "the agent's configuration, where it has one")
    .option('--bin-dir <folder>', 'of CNI executables (default: cni.binDir, or /opt/cni/bin)')
    .option(
      '--conf-dir <folder>',
      'of CNI network configurations (default: cni.confDir, or /etc/cni/net.d)',
    );
}

/** Throws InputError for a configuration that is none. What only an agent must be told may be missing in it. */
export function configOfNode(
  { config: file, binDir, confDir }: CniPlaceFlags,
  places: Readonly<Record<string, string | undefined>> = {},
): AgentConfig {
  const given = Object.entries({
    node: 'any',
    'cluster-directory': file === undefined ? '/' : undefined,
    'cni-bin-dir': binDir,
    'cni-conf-dir': confDir,
    ...places,
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return loadConfig({ file, flags: Object.fromEntries(given) });
}

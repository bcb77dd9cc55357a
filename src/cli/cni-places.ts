// The folders of CNI files: from the command line, else from the agent's configuration, else the runtimes' defaults.

import { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { AgentConfig } from '../config/schema.ts';

/** Values of `--config`, `--bin-dir` and `--conf-dir`. */
export interface CniPlaceFlags {
  readonly config?: string;
  readonly binDir?: string;
  readonly confDir?: string;
}

/** Creates a command with the flags for CNI folders. */
export function commandWithCniPlaces(name: string): Command {
  return new Command(name)
    .option('-c, --config <file>', "the agent's configuration file, if it has one")
    .option(
      '--bin-dir <folder>',
      'folder of CNI executables (default: cni.binDir, or /opt/cni/bin)',
    )
    .option(
      '--conf-dir <folder>',
      'folder of CNI network configurations (default: cni.confDir, or /etc/cni/net.d)',
    );
}

/** Throws InputError if the file is not a valid configuration. Keys that only an agent requires may be missing. */
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

// Puts the CNI executable and its network configuration where container runtimes look, and takes them away again.
// Both can be repeated at any time, also while a runtime uses them.

import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { attemptRemoval, type ReportRefusal } from '../base/attempt-removal.ts';
import { configurationsBefore } from './conflicts.ts';

export interface CniPlaces {
  /** `/opt/cni/bin` unless given. */
  readonly binDirectory?: string | undefined;
  /** `/etc/cni/net.d` unless given. */
  readonly configurationDirectory?: string | undefined;
}

export interface CniInstallOptions extends CniPlaces {
  /** The built CNI executable. */
  readonly shim: string;
  /** The agent's socket, where it is not the default. */
  readonly agentSocket?: string | undefined;
  /** The executable alone: an agent that has `cni.confDir` writes the configuration once it can serve pods. */
  readonly executableOnly?: boolean | undefined;
}

export interface InstallReport {
  readonly written: readonly string[];
  readonly unchanged: readonly string[];
  /** Network configurations of others that runtimes use instead of ours. */
  readonly before: readonly string[];
  /** Files that sort before ours and cannot be loaded: containerd stops at the first. */
  readonly unloadable: readonly string[];
}

const pluginType = 'heddle';
const networkName = 'heddle';
const configurationName = '05-heddle.conflist';

/** What `/etc/cni/net.d/05-heddle.conflist` holds. Debian 12's containerd and podman read `cniVersion`
 * alone and speak nothing newer than 1.0.0; runtimes that know `cniVersions` take the newest there, and with it GC and
 * STATUS. */
export function networkConfiguration(agentSocket?: string): string {
  const plugin = {
    type: pluginType,
    ...(agentSocket !== undefined && { agentSocket }),
    // A runtime hands over nothing that is not named here.
    capabilities: {
      bandwidth: true,
      ips: true,
      mac: true,
      'io.kubernetes.cri.pod-annotations': true,
      portMappings: true,
    },
  };
  const list = {
    cniVersion: '1.0.0',
    cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
    name: networkName,
    plugins: [plugin],
  };
  return `${JSON.stringify(list, undefined, 2)}\n`;
}

/** Where our network configuration is, or would be. */
export function networkConfigurationFile(placesOf: CniPlaces = {}): string {
  return places(placesOf).configuration;
}

/** Throws the file system's error. The executable goes first: a runtime that sees the configuration can run it. */
export function installCni(options: CniInstallOptions): InstallReport {
  const { executable, configuration } = places(options);
  const content = readFileSync(options.shim);
  const isNew = ensureFile(executable, content, 0o755);
  const report = {
    written: isNew ? [executable] : [],
    unchanged: isNew ? [] : [executable],
    ...othersBefore(configuration),
  };
  if (options.executableOnly === true) return report;
  const rest = installConfiguration(options);
  return {
    written: [...report.written, ...rest.written],
    unchanged: [...report.unchanged, ...rest.unchanged],
    before: rest.before,
    unloadable: rest.unloadable,
  };
}

/** The network configuration alone: from then on runtimes call the executable. Throws the file system's error. */
export function installConfiguration(
  options: Pick<CniInstallOptions, 'configurationDirectory' | 'agentSocket'>,
): InstallReport {
  const { configuration } = places(options);
  const content = Buffer.from(networkConfiguration(options.agentSocket));
  const isNew = ensureFile(configuration, content, 0o644);
  return {
    written: isNew ? [configuration] : [],
    unchanged: isNew ? [] : [configuration],
    ...othersBefore(configuration),
  };
}

/**
 * The files that were removed: the configuration first, so that runtimes stop asking before the executable is gone. Both are
 * tried, whatever the file system refuses.
 */
export function removeCni(options: CniPlaces, refused: ReportRefusal): readonly string[] {
  const { executable, configuration } = places(options);
  return [configuration, executable].filter((file) =>
    attemptRemoval(file, refused, () => removeFile(file)),
  );
}

// False: it was not there.
function removeFile(file: string): boolean {
  const there = statSync(file, { throwIfNoEntry: false });
  // A folder is none of ours.
  if (there?.isDirectory() === true) return false;
  rmSync(file, { force: true });
  return there !== undefined;
}

function places({ binDirectory, configurationDirectory }: CniPlaces): {
  readonly executable: string;
  readonly configuration: string;
} {
  return {
    executable: path.join(binDirectory ?? '/opt/cni/bin', pluginType),
    configuration: path.join(configurationDirectory ?? '/etc/cni/net.d', configurationName),
  };
}

/** False: it was so already. */
function ensureFile(file: string, content: Buffer, mode: number): boolean {
  if (isAlready(file, content, mode)) return false;
  replaceFile(file, content, mode);
  return true;
}

function isAlready(file: string, content: Buffer, mode: number): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || (found.mode & 0o777) !== mode) return false;
  return readFileSync(file).equals(content);
}

// The temporary file is in the same folder: containerd notices renames there, not new files, and only within one file
// system is a rename atomic.
function replaceFile(file: string, content: Buffer, mode: number): void {
  const directory = path.dirname(file);
  mkdirSync(directory, { recursive: true });
  const temporary = path.join(directory, `.${path.basename(file)}.${process.pid}.tmp`);
  try {
    writeFileSync(temporary, content, { flush: true });
    // Not through writeFileSync, where the umask would have its say.
    chmodSync(temporary, mode);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function othersBefore(configuration: string): Pick<InstallReport, 'before' | 'unloadable'> {
  const own = { file: path.basename(configuration), network: networkName, plugin: pluginType };
  const { conflicts, unloadable } = configurationsBefore(path.dirname(configuration), own);
  return { before: conflicts, unloadable };
}

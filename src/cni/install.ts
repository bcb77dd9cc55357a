// Installs the CNI executable and its network configuration in the runtimes' folders, and removes them. Both can be
// repeated at any time, even while a runtime uses them.

import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { attemptRemoval, type ReportRefusal } from '../base/attempt-removal.ts';
import { fileStatus } from '../base/file-status.ts';
import { replaceFile } from '../base/replace-file.ts';
import { configurationsBefore } from './conflicts.ts';

export interface CniPlaces {
  /** Default `/opt/cni/bin`. */
  readonly binDirectory?: string | undefined;
  /** Default `/etc/cni/net.d`. */
  readonly configurationDirectory?: string | undefined;
}

export interface CniInstallOptions extends CniPlaces {
  /** The built CNI executable. */
  readonly shim: string;
  /** Socket of the agent, if it is not the default. */
  readonly agentSocket?: string | undefined;
  /** Install only the executable: an agent with `cni.confDir` writes the configuration once it can serve pods. */
  readonly executableOnly?: boolean | undefined;
}

export interface InstallReport {
  readonly written: readonly string[];
  readonly unchanged: readonly string[];
  /** Network configurations of other plugins that runtimes use instead of heddle's. */
  readonly before: readonly string[];
  /** Files that sort before heddle's and cannot be loaded: containerd stops at the first. */
  readonly unloadable: readonly string[];
}

const pluginType = 'heddle';
const networkName = 'heddle';
/** Before those of other networks: runtimes take the first. */
export const configurationName = '05-heddle.conflist';

/**
 * Contents of `/etc/cni/net.d/05-heddle.conflist`. Debian 12's containerd and podman read only `cniVersion` and support
 * at most 1.0.0; runtimes that know `cniVersions` use the newest listed, including GC and STATUS.
 */
export function networkConfiguration(
  agentSocket?: string,
  executable: string = pluginType,
): string {
  const plugin = {
    type: executable,
    ...(agentSocket !== undefined && { agentSocket }),
    // A runtime passes only capabilities that are named here.
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

/** Path of heddle's network configuration, whether it exists or not. */
export function networkConfigurationFile(placesOf: CniPlaces = {}): string {
  return places(placesOf).configuration;
}

/**
 * Throws the file system's error. The executable is installed first, so that a runtime that sees the configuration can
 * run it.
 */
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

/**
 * Installs only the network configuration; from then on runtimes call the executable. Throws the file system's error.
 */
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
 * Returns the removed files. The configuration is removed first, so that runtimes stop calling before the executable is
 * deleted. Both removals are tried, even if one fails.
 */
export function removeCni(options: CniPlaces, refused: ReportRefusal): readonly string[] {
  const { executable, configuration } = places(options);
  return [configuration, executable]
    .flatMap((file) => [file, ...temporariesOf(file)])
    .filter((file) => attemptRemoval(file, refused, () => removeFile(file)));
}

// False: it did not exist.
function removeFile(file: string): boolean {
  // A folder, or a link to one, does not belong to heddle.
  if (fileStatus(file)?.isDirectory() === true) return false;
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return false;
  rmSync(file, { force: true });
  return true;
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

/** False: it was up to date. */
function ensureFile(file: string, content: Buffer, mode: number): boolean {
  discardOldTemporaries(file);
  if (isAlready(file, content, mode)) return false;
  const directory = path.dirname(file);
  mkdirSync(directory, { recursive: true });
  // In the same folder, where containerd notices renames, but not new files. Two processes may install at the same time.
  const temporary = path.join(directory, `${temporaryPrefix(file)}${process.pid}.tmp`);
  replaceFile(file, content, { mode, sync: true, temporary });
  return true;
}

function isAlready(file: string, content: Buffer, mode: number): boolean {
  const found = fileStatus(file);
  if (found === undefined || !found.isFile() || (found.mode & 0o777) !== mode) return false;
  return readFileSync(file).equals(content);
}

function temporaryPrefix(file: string): string {
  return `.${path.basename(file)}.`;
}

/** Half-written files of processes that were killed, or that still write. */
function temporariesOf(file: string): readonly string[] {
  const directory = path.dirname(file);
  const prefix = temporaryPrefix(file);
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.startsWith(prefix))
      .filter(({ name }) => /^\d+\.tmp$/.test(name.slice(prefix.length)))
      .map(({ name }) => path.join(directory, name));
  } catch {
    return [];
  }
}

// The writer may be in another container, where its pid means another process. A write takes milliseconds.
const abandonedMs = 60_000;

function discardOldTemporaries(file: string): void {
  for (const temporary of temporariesOf(file)) {
    const { mtimeMs = Infinity } = fileStatus(temporary) ?? {};
    if (Date.now() - mtimeMs < abandonedMs) continue;
    try {
      rmSync(temporary, { force: true });
    } catch {
      // A read-only file system: if something has to be written, that error is reported.
    }
  }
}

function othersBefore(configuration: string): Pick<InstallReport, 'before' | 'unloadable'> {
  const own = { file: path.basename(configuration), network: networkName, plugin: pluginType };
  const { conflicts, unloadable } = configurationsBefore(path.dirname(configuration), own);
  return { before: conflicts, unloadable };
}

// The dump of one node: the agent's views, its configuration, and facts about the machine. If a part cannot be
// collected, a file contains the reason, because dumps are made when something is broken.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { errorText } from '../../base/errors.ts';
import { packageVersion } from '../../base/version.ts';
import type { AgentClient } from '../client/client.ts';
import type { ArchiveFile } from './archive.ts';
import { archiveName } from './pod-files.ts';
import { objectWithoutSecrets, withoutSecrets } from './secrets.ts';

export interface NodeDumpOptions {
  readonly client: AgentClient;
  /** Path of the agent's configuration file. */
  readonly config: string;
  readonly onProgress: (text: string) => void;
}

const flowRecords = 10_000;
const mapEntries = 10_000;

const machineFiles = {
  'machine/version': '/proc/version',
  'machine/memory': '/proc/meminfo',
  'machine/load': '/proc/loadavg',
  'machine/mounts': '/proc/self/mounts',
  'machine/routes-ipv4': '/proc/net/route',
  'machine/routes-ipv6': '/proc/net/ipv6_route',
  'machine/interfaces': '/proc/net/dev',
  'machine/agent-capabilities': '/proc/self/status',
  'machine/os-release': '/etc/os-release',
} as const;

/** Returns all files without secrets. Waits for the agent's answers. */
export async function nodeDump(options: NodeDumpOptions): Promise<readonly ArchiveFile[]> {
  const { client, config, onProgress } = options;
  const files: ArchiveFile[] = [versions()];
  const ask = async (path: string, question: () => Promise<unknown>): Promise<void> => {
    onProgress(path);
    files.push(await answered(path, question));
  };
  await ask('status.json', () => client.status());
  await ask('endpoints.json', () => client.endpoints());
  await ask('nodes.json', () => client.nodes());
  await ask('services.json', () => client.services());
  await ask('kernel.json', () => client.kernel());
  await ask('maps/list.json', () => client.maps());
  for (const name of await mapNames(client))
    await ask(`maps/${name}.json`, () => client.map(name, mapEntries));
  await ask('flows.json', () => lastFlows(client));
  for (const [path, file] of Object.entries(machineFiles)) files.push(fileOf(path, file));
  files.push(fileOf('config.yaml', config), ...networkConfigurations());
  return files;
}

function versions(): ArchiveFile {
  const text = { heddle: packageVersion(), node: process.version, kernel: release() };
  return { path: 'version.json', content: json({ ...text, takenAt: new Date().toISOString() }) };
}

async function answered(path: string, question: () => Promise<unknown>): Promise<ArchiveFile> {
  try {
    return { path, content: json(objectWithoutSecrets(await question())) };
  } catch (error) {
    return missing(path, error);
  }
}

async function mapNames(client: AgentClient): Promise<readonly string[]> {
  try {
    return (await client.maps()).maps.map(({ name }) => name);
  } catch {
    // maps/list.json already contains the error.
    return [];
  }
}

async function lastFlows(client: AgentClient): Promise<readonly unknown[]> {
  const signal = AbortSignal.timeout(10_000);
  const lines: unknown[] = [];
  for await (const line of client.flows({ follow: false, last: flowRecords, signal }))
    lines.push(line);
  return lines;
}

function fileOf(path: string, file: string): ArchiveFile {
  try {
    return { path, content: withoutSecrets(readFileSync(file, 'utf8')) };
  } catch (error) {
    return missing(path, error);
  }
}

/** CNI configurations that the container runtime finds; it uses the first by name. */
function networkConfigurations(): readonly ArchiveFile[] {
  const folder = '/etc/cni/net.d';
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => fileOf(`cni/${archiveName(name)}`, `${folder}/${name}`));
}

function missing(path: string, error: unknown): ArchiveFile {
  const text = errorText(error);
  return { path: `${path}.missing`, content: `${withoutSecrets(text)}\n` };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

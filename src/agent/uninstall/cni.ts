// Removes the CNI files. The network configuration names the socket that runtimes use, which may differ from the one
// given to this uninstall if the agent was started with another configuration.

import { readFileSync, statSync } from 'node:fs';
import { defaultSocket } from '../../api/socket.ts';
import { type CniPlaces, networkConfigurationFile, removeCni } from '../../cni/install.ts';
import { isAnswered, removeLeftSockets } from '../server/socket-file.ts';

export interface CniRemoval {
  /** Number of files. */
  readonly removed: number;
  /** What stays and why, one sentence each. */
  readonly left: readonly string[];
}

/**
 * Call this if no agent runs in this network namespace: only an agent of another namespace that shares the folder can
 * then answer at the socket. Its files stay. A socket at which no one answers was left by heddle's agent and is
 * removed, too.
 */
export async function removeOurCni(
  socket: string,
  cni: CniPlaces | undefined,
): Promise<CniRemoval> {
  const file = networkConfigurationFile(cni);
  const other = configuredSocket(file);
  if (other === undefined || other === socket) return removed(file, cni);
  if (await isAnswered(other)) {
    const cure = `stop it, then run this again with --socket ${other}`;
    return {
      removed: 0,
      left: [`${file} points to ${other}, where another agent answers: ${cure}`],
    };
  }
  const { removed: files, left } = removed(file, cni);
  const texts = [...left];
  const sockets = await removeLeftSockets(other, (text) => void texts.push(text));
  return { removed: files + sockets, left: texts };
}

function removed(configuration: string, cni: CniPlaces | undefined): CniRemoval {
  const left: string[] = [];
  const count = removeCni(cni ?? {}, (text) => void left.push(text)).length;
  if (isFolder(configuration)) {
    const cure = 'remove it by hand (container runtimes do not read it)';
    left.push(`${configuration} is a folder; ${cure}`);
  }
  return { removed: count, left };
}

function isFolder(file: string): boolean {
  try {
    return statSync(file).isDirectory();
  } catch {
    return false;
  }
}

/** Undefined if there is no file, or it cannot be read. */
function configuredSocket(file: string): string | undefined {
  try {
    // Reading a pipe would block forever.
    if (!statSync(file).isFile()) return undefined;
    const { plugins = [] } = JSON.parse(readFileSync(file, 'utf8')) as NetworkList;
    const own = plugins.find(({ type }) => type === 'heddle') ?? plugins[0];
    return typeof own?.agentSocket === 'string' ? own.agentSocket : defaultSocket;
  } catch {
    return undefined;
  }
}

interface NetworkList {
  readonly plugins?: readonly { readonly type?: unknown; readonly agentSocket?: unknown }[];
}

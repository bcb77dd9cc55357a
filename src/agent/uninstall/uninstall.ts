// Removes everything that heddle installs on a node, in the network namespace of the calling thread. Can be repeated
// and does not rely on complete state: each step checks the kernel or the disk.

import { join } from 'node:path';
import { attemptRemoval, type ReportRefusal } from '../../base/attempt-removal.ts';
import type { CniPlaces } from '../../cni/install.ts';
import type { AgentConfig } from '../../config/schema.ts';
import { detachAll } from '../../datapath/attach/pinned-link.ts';
import { isNextHop } from '../../datapath/host/next-hops.ts';
import { describePins, pinNames, unpinFolder } from '../../datapath/load/pins.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { Nftables } from '../../kernel/netfilter/nftables.ts';
import { delNeighbour, listNeighbours } from '../../kernel/netlink/neighbour.ts';
import { delRoute, listRoutes } from '../../kernel/netlink/route.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { writeSysctl } from '../../kernel/sysctl.ts';
import { nftTableName, routeProtocol, serviceTableName } from '../../model/ids.ts';
import { addedPorts } from '../added-ports.ts';
import { reservePorts } from '../services/reserved-ports.ts';
import { sysctlMemory } from '../sysctl-memory.ts';
import { removeOurCni } from './cni.ts';
import { removeFiles, removeIfEmpty } from './files.ts';
import { removeLinks } from './links.ts';
import { lockOutAgents } from './lock-out.ts';
import { programsLeft } from './programs-left.ts';

export interface UninstallOptions extends Pick<AgentConfig, 'stateDir' | 'pinDir' | 'socket'> {
  readonly cni?: CniPlaces;
}

export interface Uninstalled {
  readonly removed: readonly Removed[];
  /** Programs that are still attached because their pins are elsewhere: `eth0 ingress: from_network (id 12)`. */
  readonly left: readonly string[];
  /**
   * What else stays and why, one sentence each: CNI files of an agent that answers elsewhere, kernel parameters, files
   * that could not be removed.
   */
  readonly others: readonly string[];
}

/** Counts of removed items; kinds without any are omitted. */
export interface Removed {
  readonly what: string;
  readonly count: number;
}

/** Throws InputError while an agent runs, KernelError for errors of the kernel. */
export async function uninstall(options: UninstallOptions): Promise<Uninstalled> {
  // Until the lock's file, the last one of all, is removed.
  using _lock = lockOutAgents(options);
  const pins = describePins(options.pinDir);
  using socket = NetlinkSocket.open();
  // First, so that no new pod is added.
  const cni = await removeOurCni(options.socket, options.cni);
  const others = [...cni.left];
  const refused = (text: string): void => void others.push(text);
  const removed: Removed[] = [
    { what: 'CNI files', count: cni.removed },
    { what: 'tcx links', count: detachAll(pins.links, refused) },
    { what: 'interfaces', count: await removeLinks(socket, options.stateDir) },
    { what: 'routes', count: removeRoutes(socket) },
    { what: 'neighbours', count: removeNextHops(socket) },
    { what: 'nftables tables', count: removeNftables() },
    { what: 'kernel parameters restored', count: restoreSysctls(options.stateDir, others) },
    { what: 'reserved ports released', count: releasePorts(options, others) },
    { what: 'pinned programs', count: unpinPrograms(pins.allPrograms, refused) },
    { what: 'pinned maps', count: unpinned(join(options.pinDir, 'maps'), refused) },
    { what: 'files', count: await removeFiles(options, refused) },
  ];
  unpinned(pins.links, refused);
  removeIfEmpty(options.pinDir, refused);
  return {
    removed: removed.filter(({ count }) => count > 0),
    left: programsLeft(socket),
    others,
  };
}

function removeRoutes(socket: NetlinkSocket): number {
  const routes = listRoutes(socket, { protocol: routeProtocol });
  for (const route of routes) {
    try {
      delRoute(socket, route);
    } catch (error) {
      if (!isKernelError(error, 'ESRCH', 'ENOENT', 'ENODEV')) throw error;
    }
  }
  return routes.length;
}

// Entries of pods are deleted with their interfaces.
function removeNextHops(socket: NetlinkSocket): number {
  const nextHops = listNeighbours(socket).filter(isNextHop);
  for (const nextHop of nextHops) {
    try {
      delNeighbour(socket, nextHop);
    } catch (error) {
      if (!isKernelError(error, 'ENOENT', 'ENODEV', 'ENXIO')) throw error;
    }
  }
  return nextHops.length;
}

function removeNftables(): number {
  using nftables = Nftables.open();
  const names = [nftTableName, serviceTableName];
  return names.filter((name) => nftables.deleteTable('inet', name)).length;
}

// An error of the kernel, for example for a value from a damaged file, does not stop the other removals.
function restoreSysctls(stateDir: string, refused: string[]): number {
  const before = sysctlMemory(join(stateDir, 'sysctls.json')).all();
  let restored = 0;
  for (const [name, value] of before) {
    try {
      writeSysctl(name, value);
      restored++;
    } catch (error) {
      // It was deleted with its interface.
      if (isKernelError(error, 'ENOENT')) continue;
      if (!isKernelError(error)) throw error;
      refused.push(`the kernel parameter ${name} could not be restored: ${error.message}`);
    }
  }
  return restored;
}

function releasePorts(options: UninstallOptions, refused: string[]): number {
  const added = addedPorts(options);
  const count = added.all().size;
  const refusal = reservePorts(undefined, added);
  if (refusal !== undefined) refused.push(refusal);
  return refusal === undefined ? count : 0;
}

function unpinPrograms(folder: string, refused: ReportRefusal): number {
  const loads = attemptRemoval(folder, refused, () => pinNames(folder)) ?? [];
  const counts = loads.map((load) => unpinned(join(folder, load), refused));
  unpinned(folder, refused);
  return counts.reduce((sum, count) => sum + count, 0);
}

function unpinned(folder: string, refused: ReportRefusal): number {
  return attemptRemoval(folder, refused, () => unpinFolder(folder)) ?? 0;
}

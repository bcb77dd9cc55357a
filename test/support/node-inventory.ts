// Everything that pods can leave on a node, with counts and names: compared before and after, to show that nothing is
// left.

import { readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type { EndpointCounters } from '../../src/datapath/generated.ts';
import { openMaps } from '../../src/datapath/load/map-set.ts';
import { describePins } from '../../src/datapath/load/pins.ts';
import { listAddresses } from '../../src/kernel/netlink/address.ts';
import { listLinks } from '../../src/kernel/netlink/link.ts';
import { listNeighbours } from '../../src/kernel/netlink/neighbour.ts';
import { listRoutes } from '../../src/kernel/netlink/route.ts';
import { listRules } from '../../src/kernel/netlink/rule.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import type { AgentPlace } from './agent-process.ts';
import { rulesetOf } from './ruleset.ts';

export interface NodeInventory {
  readonly links: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly rules: number;
  readonly neighbours: readonly string[];
  /** The whole ruleset, without its counters. */
  readonly nft: string;
  /** Map -> its keys; for counters, the endpoints with non-zero counters. */
  readonly maps: Readonly<Record<string, readonly string[]>>;
  /** Kernel parameters that belong to one interface, by interface. */
  readonly parameters: readonly string[];
  readonly pins: readonly string[];
  readonly stateFiles: readonly string[];
}

/** Throws an Error while the node has no pinned maps. */
export function nodeInventory({
  namespace,
  pinDir,
  stateDir,
}: Pick<AgentPlace, 'namespace' | 'pinDir' | 'stateDir'>): NodeInventory {
  using socket = NetlinkSocket.open({ namespace });
  return {
    links: listLinks(socket)
      .map(({ name, ifIndex }) => `${ifIndex} ${name}`)
      .sort(),
    addresses: listAddresses(socket)
      .map(({ address, prefixLength, ifIndex }) => `${address}/${prefixLength} ${ifIndex}`)
      .sort(),
    routes: listRoutes(socket)
      .map((route) => JSON.stringify(route))
      .sort(),
    rules: listRules(socket).length,
    neighbours: listNeighbours(socket)
      .filter(({ state, managed }) => state === 'permanent' || managed)
      // A MAC that the kernel resolves by itself may appear and disappear.
      .map((each) => `${each.address} ${each.ifIndex} ${each.managed ? 'managed' : each.mac}`)
      .sort(),
    nft: rulesetOf(namespace),
    maps: mapKeys(pinDir),
    parameters: namespace.run(() => readdirSync('/proc/thread-self/net/dev_snmp6').sort()),
    pins: filesIn(pinDir),
    // Files for later records: at most 32 (pods/records/spare-files.test.ts).
    stateFiles: filesIn(stateDir).filter((name) => !name.startsWith('spare-records')),
  };
}

/** File descriptors of a process by their targets: sockets and pipes by kind, files by path. */
export function descriptors(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder)
    .flatMap((fd) => {
      try {
        return [readlinkSync(path.join(folder, fd)).replace(/:\[\d+\]$/, '')];
      } catch {
        // Closed after the folder was read.
        return [];
      }
    })
    .sort();
}

function mapKeys(pinDir: string): Record<string, string[]> {
  using maps = openMaps(describePins(pinDir));
  const keys = (map: { entries(): Iterable<readonly [unknown, unknown]> }): string[] =>
    Array.from(map.entries(), ([key]) => JSON.stringify(key)).sort();
  return {
    endpoints: keys(maps.endpoints),
    addresses: keys(maps.addresses),
    routes: keys(maps.routes),
    frontends: keys(maps.frontends),
    slots: keys(maps.slots),
    'source ranges': keys(maps.sourceRanges),
    flows: keys(maps.flows),
    'counters in use': keys({ entries: () => counting(maps.endpointCounters.entries()) }),
  };
}

function* counting(
  entries: Iterable<readonly [number, readonly EndpointCounters[]]>,
): Iterable<readonly [number, unknown]> {
  for (const entry of entries) {
    const [, perCpu] = entry;
    if (perCpu.some(({ traffic }) => traffic.some(({ packets }) => packets > 0))) yield entry;
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

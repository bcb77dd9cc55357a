// Kernel parameters that the network depends on. Only what is needed: reverse-path filters stay as the administrator
// set them. Even strict ones pass packets of pods and remote ranges, which have routes back to their interface. Packets
// that a node sends through the tunnel with its InternalIP have none, and so are masqueraded into it
// (datapath/nft/masquerade.ts). `default` stays as well: heddle's interfaces are set individually, whatever a hardened
// node gives to new ones.

import { memoizeLast } from '../../base/memoize.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { readSysctl, type SysctlName, writeSysctl } from '../../kernel/sysctl.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Uplink } from '../../model/host.ts';
import { overlayDeviceName } from '../../model/ids.ts';
import { addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { isReachedByLoopback } from '../../net/port-mapping.ts';
import { prefixFamily } from '../../net/prefix.ts';
import type { EntryGroup, Keyed, Table } from '../../reconcile/table.ts';
import { ofEachEndpoint, type StateContents } from '../contents.ts';
import { writeEach } from '../writes.ts';

export interface SysctlEntry {
  /** Path below /proc/sys, with slashes: `net/ipv4/ip_forward`. */
  readonly name: SysctlName;
  readonly value: string;
  /** Other accepted values, which are left alone. */
  readonly alsoFine: readonly string[];
  /** The interface is heddle's and is deleted with it: its earlier value is not remembered. */
  readonly isOurs?: boolean;
  /** Set if a listing of the links has the value, so that hundreds of interfaces need no file access. */
  readonly listed?: { readonly ifIndex: IfIndex; readonly setting: keyof ListedSettings };
}

/** Settings of an interface, as in the files under /proc/sys. */
export interface ListedSettings {
  readonly forwarding4?: string | undefined;
  readonly disableIpv6?: string | undefined;
  readonly routeLocalnet?: string | undefined;
}

/** As of the latest listing of the node's links, which precedes every fresh listing of the tables. */
export type SettingsByLink = (ifIndex: IfIndex) => ListedSettings | undefined;

/** Values of parameters before heddle changed them, kept by the agent across restarts for uninstalling. */
export interface SysctlMemory {
  /** The first value of a name counts; later ones are heddle's own. */
  remember(name: SysctlName, value: string): void;
  recall(name: SysctlName): string | undefined;
  /** After the first value was written back: from then on the parameter is not ours. */
  forget(name: SysctlName): void;
}

export function sysctlContents(): StateContents<SysctlEntry> {
  const ofNode = memoizeLast(nodeEntries);
  const ofOverlay = memoizeLast(overlayEntries);
  return {
    ...ofEachEndpoint(sysctlEntriesOf),
    groups: ({ podRanges, strayAddresses, uplinks, routerAdvertised, overlay }) => {
      // Also for pods from before the Node object was deleted or got other ranges.
      const families = new Set([
        ...podRanges.map(({ prefix }) => prefixFamily(prefix)),
        ...strayAddresses.map(addressFamily),
      ]);
      const [hasIpv4, hasIpv6] = [families.has(4), families.has(6)];
      return [
        ofNode(hasIpv4, hasIpv6, uplinks, routerAdvertised),
        ofOverlay(hasIpv4, hasIpv6, overlay?.ifIndex),
      ];
    },
  };
}

export function sysctlEntriesOf(endpoint: LocalEndpoint): EntryGroup<SysctlEntry> {
  const { hostIfName, hostIfIndex, addresses, portMappings = [] } = endpoint;
  const families = addresses.map(addressFamily);
  const has = { hasIpv4: families.includes(4), hasIpv6: families.includes(6) };
  const entries = own(hostIfName, hostIfIndex, has);
  const isReached = has.hasIpv4 && portMappings.some(isReachedByLoopback);
  return isReached ? [...entries, routeLocalnet(hostIfName, hostIfIndex)] : entries;
}

function nodeEntries(
  hasIpv4: boolean,
  hasIpv6: boolean,
  uplinks: readonly Uplink[],
  others: readonly string[] | undefined,
): EntryGroup<SysctlEntry> {
  // The node's main switch comes first, because it switches every interface.
  const ipv4 = hasIpv4
    ? [forward('net/ipv4/ip_forward'), ...uplinks.map(({ name }) => forward(forwarding(name)))]
    : [];
  const ipv6 = hasIpv6
    ? [...acceptRa(uplinks, others), forward('net/ipv6/conf/all/forwarding')]
    : [];
  return [...ipv4, ...ipv6];
}

function overlayEntries(
  hasIpv4: boolean,
  hasIpv6: boolean,
  ifIndex: IfIndex | undefined,
): EntryGroup<SysctlEntry> {
  return ifIndex === undefined ? [] : own(overlayDeviceName, ifIndex, { hasIpv4, hasIpv6 });
}

// The node's own connections to a host port on 127.0.0.1 are routed to the pod with that source address until
// masquerading replaces it: the kernel allows this only on interfaces with route_localnet. Packets of a pod to the
// node's loopback are dropped by the nftables table.
function routeLocalnet(hostIfName: string, ifIndex: IfIndex): Keyed<SysctlEntry> {
  const name = `net/ipv4/conf/${hostIfName}/route_localnet`;
  const listed = { ifIndex, setting: 'routeLocalnet' } as const;
  return [name, { name, value: '1', alsoFine: [], isOurs: true, listed }];
}

// The kernel forwards IPv4 by the switch of the receiving interface, IPv6 by the global switch.
function own(
  name: string,
  ifIndex: IfIndex,
  { hasIpv4, hasIpv6 }: { readonly hasIpv4: boolean; readonly hasIpv6: boolean },
): EntryGroup<SysctlEntry> {
  const common = { alsoFine: [], isOurs: true } as const;
  const file = forwarding(name);
  const listed = { ifIndex, setting: 'forwarding4' } as const;
  const ipv4: SysctlEntry = { ...common, name: file, value: '1', listed };
  const off = `net/ipv6/conf/${name}/disable_ipv6`;
  const listedOff = { ifIndex, setting: 'disableIpv6' } as const;
  const ipv6: SysctlEntry = { ...common, name: off, value: '0', listed: listedOff };
  return [...(hasIpv4 ? [ipv4] : []), ...(hasIpv6 ? [ipv6] : [])].map((entry) => [
    entry.name,
    entry,
  ]);
}

function forwarding(interfaceName: string): SysctlName {
  return `net/ipv4/conf/${interfaceName}/forwarding`;
}

function forward(name: SysctlName): Keyed<SysctlEntry> {
  return [name, { name, value: '1', alsoFine: [] }];
}

// While forwarding, the kernel ignores router advertisements (1) unless explicitly enabled (2), and a node that got its
// default route from one would lose it. Set before forwarding. 0 means that it never accepted any.
function acceptRa(
  uplinks: readonly Uplink[],
  others: readonly string[] = [],
): EntryGroup<SysctlEntry> {
  return uplinks
    .filter(({ addresses }) => addresses.some(({ address }) => addressFamily(address) === 6))
    .map(({ name }) => name)
    .concat(others)
    .map((takes) => {
      const name = `net/ipv6/conf/${takes}/accept_ra`;
      return [name, { name, value: '2', alsoFine: ['0'] }];
    });
}

/**
 * Works on the network namespace of the calling thread. Parameters have no mark of an owner, so only desired ones are
 * listed. `made`: settings at creation of interfaces that are newer than `settings`.
 */
export function sysctlTable(
  memory: SysctlMemory,
  settings: SettingsByLink = () => undefined,
  made: SettingsByLink = () => undefined,
): Table<SysctlEntry> {
  const key = ({ name }: SysctlEntry): string => name;
  let last: ReadonlyMap<string, SysctlEntry> = new Map();
  return {
    name: 'sysctls',
    key,
    equal: (left, right) => left.value === right.value,
    list: (desired) => {
      const found = new Map<string, SysctlEntry>();
      for (const [name, entry] of desired) {
        const has = present(entry, settings);
        if (has !== undefined) found.set(name, has);
      }
      if (!isSameListing(last, found)) last = found;
      return last;
    },
    set: (wanted) =>
      writeEach(wanted, {
        key,
        write: (entry) => {
          const current = listedValue(entry, made) ?? readSysctl(entry.name);
          if (current === entry.value || entry.alsoFine.includes(current)) return;
          if (entry.isOurs !== true) memory.remember(entry.name, current);
          writeSysctl(entry.name, entry.value);
        },
      }),
    // Restores the earlier value. ENOENT: it was deleted with its interface.
    delete: (surplus) =>
      writeEach(surplus, {
        key,
        ignored: ['ENOENT'],
        write: ({ name }) => {
          const before = memory.recall(name);
          if (before === undefined) return;
          writeSysctl(name, before);
          memory.forget(name);
        },
      }),
  };
}

function listedValue({ listed }: SysctlEntry, settings: SettingsByLink): string | undefined {
  return listed && settings(listed.ifIndex)?.[listed.setting];
}

// Unchanged entries are the desired objects themselves.
function isSameListing(
  last: ReadonlyMap<string, SysctlEntry>,
  found: ReadonlyMap<string, SysctlEntry>,
): boolean {
  if (last.size !== found.size) return false;
  for (const [name, entry] of found) if (last.get(name) !== entry) return false;
  return true;
}

function present(entry: SysctlEntry, settings: SettingsByLink): SysctlEntry | undefined {
  const { alsoFine } = entry;
  try {
    const value = listedValue(entry, settings) ?? readSysctl(entry.name);
    return value === entry.value || alsoFine.includes(value) ? entry : { ...entry, value };
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

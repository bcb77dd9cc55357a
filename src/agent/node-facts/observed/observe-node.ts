// Reads the state that the facts are checked against. Cheap enough for every period: a few files, one listing of
// routing rules, three queries per uplink and a few for pods' interfaces. nftables rules and routes of other tables are
// read only if they exist and have changed.

import { existsSync, readFileSync } from 'node:fs';
import { memoizeLast } from '../../../base/memoize.ts';
import { legacyTablesInUse } from '../../../kernel/netfilter/legacy-tables.ts';
import { type PartialListing, partialListing } from '../../../kernel/netlink/partial-listing.ts';
import type { Dumps } from '../../../kernel/netlink/protocol/request.ts';
import { isOfProtocol, listRoutes } from '../../../kernel/netlink/route.ts';
import { localTable, mainTable, type RouteRecord } from '../../../kernel/netlink/route-record.ts';
import { type ListedRule, listRules } from '../../../kernel/netlink/rule.ts';
import type { NetlinkSocket } from '../../../kernel/netlink/socket.ts';
import { readSysctl, type SysctlName, sysctlFile } from '../../../kernel/sysctl.ts';
import type { DesiredState } from '../../../model/desired.ts';
import type { HostListing } from '../../host/facts.ts';
import { mostRoutes } from '../../host/main-routes.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import type { CgroupPrograms } from './cgroup-programs.ts';
import { ForeignNeighbours } from './foreign-neighbours.ts';
import type { ForeignPrograms } from './foreign-programs.ts';
import { ForeignRules, type RuleListing } from './foreign-rules.ts';
import { type LegacyPrinter, LegacyRules } from './legacy-rules.ts';
import { type ObservedKernel, observedSettings } from './observed-node.ts';
import { RecentCount } from './recent-count.ts';
import { readSeparately } from './separately.ts';

export interface NodeObserverOptions {
  /** In the namespace of the calling thread, like `nft`. */
  readonly socket: Pick<NetlinkSocket, 'dump' | 'dumpSome'>;
  readonly nft: RuleListing;
  readonly programs: Pick<ForeignPrograms, 'look'>;
  readonly cgroups: Pick<CgroupPrograms, 'look'>;
  /** Lists tables of iptables-legacy; default: its own program. */
  readonly printLegacy?: LegacyPrinter;
  /** Monotonic time in ms. Default performance.now(). */
  readonly now?: () => number;
}

// unspec, compat, default, main and local.
const ordinaryTables: ReadonlySet<number> = new Set([0, 252, 253, mainTable, localTable]);

export class NodeObserver {
  readonly #options: NodeObserverOptions;
  readonly #rules: ForeignRules;
  readonly #legacy: LegacyRules;
  readonly #policy: () => Policy;
  readonly #localRoutes: () => PartialListing<readonly RouteRecord[]>;
  readonly #neighbours: ForeignNeighbours;
  readonly #joined = memoizeLast(joined);
  readonly #now: () => number;
  readonly #overflows = new RecentCount();
  readonly #failedInserts = new RecentCount();

  constructor(options: NodeObserverOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#rules = new ForeignRules(options.nft, this.#now);
    this.#legacy = new LegacyRules(options.printLegacy, this.#now);
    this.#policy = policyLister(options.socket);
    this.#neighbours = new ForeignNeighbours(options.socket, this.#now);
    const foreign = {
      most: mostRoutes,
      omits: (payload: Buffer): boolean => isOfProtocol(payload, ofKernel),
    };
    this.#localRoutes = partialListing(options.socket, foreign, listLocalRoutes);
  }

  /** A part that cannot be read throws its error when it is used. */
  look(host: HostListing, desired: DesiredState): ObservedKernel {
    const now = this.#now();
    const legacy = once(() => this.#legacy.look(legacyTablesInUse()));
    const policy = once(this.#policy);
    const localRoutes = once(this.#localRoutes);
    const overflows = (): number =>
      sumOf('stat/arp_cache', tableFulls) + sumOf('stat/ndisc_cache', tableFulls);
    return readSeparately<ObservedKernel>({
      host: () => host,
      settings: readSettings,
      ruleSets: () => this.#joined(this.#rules.look(), legacy().ruleSets),
      legacyTables: () => {
        const { ruleSets: _, ...tables } = legacy();
        return tables;
      },
      policyRules: () => policy().policyRules,
      policyRoutes: () => policy().policyRoutes,
      isPolicyWhole: () => policy().isWhole,
      localRoutes: () => localRoutes().result,
      areLocalRoutesWhole: () => localRoutes().isWhole,
      foreignNeighbours: () => this.#neighbours.look(desired.uplinks.map(({ ifIndex }) => ifIndex)),
      foreignPrograms: () => this.#options.programs.look(desired),
      cgroupPrograms: () => this.#options.cgroups.look(),
      neighbourOverflows: () => this.#overflows.after(overflows(), now),
      fragmentBytes,
      failedInserts: () => this.#failedInserts.after(sumOf('stat/nf_conntrack', insertFailed), now),
    });
  }
}

/** Reads at the first use. An error is thrown again by the next use, which reads again. */
function once<Value>(read: () => Value): () => Value {
  let known: { readonly value: Value } | undefined;
  return () => {
    known ??= { value: read() };
    return known.value;
  };
}

function joined(left: readonly RuleSet[], right: readonly RuleSet[]): readonly RuleSet[] {
  return [...left, ...right];
}

interface Policy extends Pick<ObservedKernel, 'policyRules' | 'policyRoutes'> {
  readonly isWhole: boolean;
}

// Of each family: a rule costs ten times as much as a route, because it is compared with every pod range.
const mostRules = 1_000;

function policyLister(socket: Pick<NetlinkSocket, 'dumpSome'>): () => Policy {
  const rules = partialListing(socket, { most: mostRules }, listRules);
  const routes = memoizeLast((policyRules: readonly ListedRule[]) =>
    partialListing(socket, { most: mostRoutes }, (dumps) => routesAskedFor(dumps, policyRules)),
  );
  return () => {
    const { result: policyRules, ...ofRules } = rules();
    const { result: policyRoutes, isWhole } = routes(policyRules)();
    return { policyRules, policyRoutes, isWhole: ofRules.isWhole && isWhole };
  };
}

function routesAskedFor(dumps: Dumps, rules: readonly ListedRule[]): readonly RouteRecord[] {
  const tables = new Set(rules.flatMap(({ table }) => (table === undefined ? [] : [table])));
  return [...tables]
    .filter((table) => !ordinaryTables.has(table))
    .flatMap((table) => listRoutes(dumps, { table }));
}

/** RTPROT_KERNEL */
const ofKernel = 2;

// All types except multicast.
const misleadingTypes = [
  ...(['local', 'unicast', 'blackhole', 'unreachable', 'prohibit', 'throw'] as const),
  ...(['broadcast', 'anycast'] as const),
];

// The kernel filters IPv6 routes by type, because this table has a multicast route per pod interface. It keeps IPv4
// routes of the tables local and main together, and goes through all of them for each request.
function listLocalRoutes(dumps: Dumps): readonly RouteRecord[] {
  return [
    ...listRoutes(dumps, { family: 4, table: localTable }),
    ...misleadingTypes.flatMap((type) => listRoutes(dumps, { family: 6, table: localTable, type })),
  ];
}

function readSettings(): ReadonlyMap<SysctlName, string> {
  return new Map(
    // The setting may not exist (yet): connection tracking may be a module.
    observedSettings.flatMap((name) =>
      existsSync(sysctlFile(name)) ? [[name, readSysctl(name)] as const] : [],
    ),
  );
}

/** Lines of a file below /proc/net; none if the kernel has no such file. */
function linesOf(name: string): readonly string[] {
  const file = `/proc/thread-self/net/${name}`;
  // Checked first: a missing file is normal, and an error costs more than everything else.
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').trim().split('\n');
}

const tableFulls = 'table_fulls';
const insertFailed = 'insert_failed';

// A header with column names, then one line per CPU in hexadecimal.
function sumOf(file: string, name: typeof tableFulls | typeof insertFailed): number {
  const [header = '', ...counts] = linesOf(file);
  const column = header.trim().split(/\s+/).indexOf(name);
  if (column < 0) return 0;
  return counts
    .map((line) => Number.parseInt(line.trim().split(/\s+/)[column] ?? '0', 16))
    .reduce((sum, count) => sum + count, 0);
}

// `FRAG: inuse 2 memory 4608`
function fragmentBytes(): number {
  const line = linesOf('sockstat').find((each) => each.startsWith('FRAG:'));
  return Number(line?.split(' ').at(-1) ?? 0);
}

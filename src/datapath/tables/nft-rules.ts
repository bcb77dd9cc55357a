// What the nftables table `inet heddle` holds: pods' packets to outside the cluster get the node's address, the
// overlay's own packets stay out of connection tracking, and host ports lead to pods.

import { createHash } from 'node:crypto';
import { memoizeEach, memoizeLast } from '../../base/memoize.ts';
import type { DesiredState, Masquerade } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { AddressFamily } from '../../net/address.ts';
import { type Prefix, prefixFamily } from '../../net/prefix.ts';
import type { EntryGroup } from '../../reconcile/table.ts';
import { hostPortRules } from './nft-host-ports.ts';

export interface NftEntry {
  /** Of all but the elements; every rule carries it as its comment (libnftables lists no table's). */
  readonly fingerprint: string;
  /** How many rules each chain has, and which elements each set: `chain postrouting: 1; set exempt4: 192.0.2.0/24`. */
  readonly shape: string;
  /** What stands between the table's braces. Empty in what is listed. */
  readonly body: string;
}

export const nftTableName = 'heddle';
export const nftKey: string = `inet ${nftTableName}`;

export function nftEntries(desired: DesiredState): readonly EntryGroup<NftEntry>[] {
  const { masquerade, overlay, endpoints } = desired;
  return groups(masquerade, overlay?.port, withHostPorts(endpoints));
}

let lastWithHostPorts: readonly LocalEndpoint[] = [];

const hasHostPorts = memoizeEach(({ portMappings = [] }: LocalEndpoint) => portMappings.length > 0);

// The same array while it holds the same: most pods have no host ports, and cost no new table.
function withHostPorts(endpoints: readonly LocalEndpoint[]): readonly LocalEndpoint[] {
  const has = hasHostPorts(endpoints);
  const found = endpoints.filter((_, index) => has[index]);
  const isSame =
    found.length === lastWithHostPorts.length &&
    found.every((endpoint, index) => endpoint === lastWithHostPorts[index]);
  if (!isSame) lastWithHostPorts = found;
  return lastWithHostPorts;
}

const groups = memoizeLast(
  (
    masquerade: Masquerade | undefined,
    overlayPort: number | undefined,
    mapped: readonly LocalEndpoint[],
  ): EntryGroup<NftEntry>[] => {
    const hostPorts = hostPortRules(mapped);
    const sets = masquerade === undefined ? [] : masqueradeSets(masquerade);
    const chains = [
      ...(overlayPort === undefined ? [] : untrackedChains(overlayPort)),
      ...(masquerade === undefined ? [] : [masqueradeChain(masquerade)]),
      ...hostPorts.chains,
    ];
    const collections = [...sets, ...hostPorts.collections];
    return chains.length === 0 ? [] : [[[nftKey, render(collections, chains)]]];
  },
);

export interface Collection {
  readonly kind: 'set' | 'map';
  readonly name: string;
  readonly type: string;
  /** Holds ranges. */
  readonly isInterval?: boolean;
  /** As nft writes them. */
  readonly elements: readonly string[];
}

export interface Chain {
  readonly name: string;
  readonly hook: string;
  readonly rules: readonly string[];
}

// Every tunnelled connection has a UDP source port of its own, so each would cost both nodes a tracked connection:
// half of the connection rate across nodes.
function untrackedChains(port: number): readonly Chain[] {
  const rules = [`udp dport ${port} notrack`];
  return [
    { name: 'overlay_in', hook: 'type filter hook prerouting priority raw', rules },
    { name: 'overlay_out', hook: 'type filter hook output priority raw', rules },
  ];
}

function masqueradeChain({ sources, uplinks }: Masquerade): Chain {
  const names = uplinks.map((name) => JSON.stringify(name)).join(', ');
  const rules = familiesOf(sources).map((family) => {
    const ip = family === 4 ? 'ip' : 'ip6';
    // Random ports: two pods' connections to one place must not be given the same port at the same time.
    return `oifname { ${names} } ${ip} saddr @sources${family} ${ip} daddr != @exempt${family} masquerade fully-random`;
  });
  return { name: 'postrouting', hook: 'type nat hook postrouting priority srcnat', rules };
}

function masqueradeSets({ sources, exempt }: Masquerade): readonly Collection[] {
  return familiesOf(sources).flatMap((family) => [
    addressSet(`sources${family}`, family, sources),
    addressSet(`exempt${family}`, family, exempt),
  ]);
}

function render(sets: readonly Collection[], chains: readonly Chain[]): NftEntry {
  const declared = sets.flatMap((set) => renderSet({ ...set, elements: [] }));
  const contents = [...declared, ...chains.flatMap((chain) => renderChain(chain, ''))].join('\n');
  const fingerprint = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  const mark = ` comment "heddle ${fingerprint}"`;
  return {
    fingerprint,
    shape: shapeOf([
      ...chains.map(({ name, rules }) => [`chain ${name}`, rules.length] as const),
      ...sets.map(({ kind, name, elements }) => [`${kind} ${name}`, elementsOf(elements)] as const),
    ]),
    body: [...sets.flatMap(renderSet), ...chains.flatMap((chain) => renderChain(chain, mark))].join(
      '\n',
    ),
  };
}

function renderSet({ kind, name, type, isInterval, elements }: Collection): readonly string[] {
  const flags = isInterval ? ['    flags interval'] : [];
  const lines = elements.length === 0 ? [] : [`    elements = { ${elements.join(', ')} }`];
  return [`  ${kind} ${name} {`, `    type ${type}`, ...flags, ...lines, '  }'];
}

function renderChain({ name, hook, rules }: Chain, mark: string): readonly string[] {
  return [
    `  chain ${name} {`,
    `    ${hook}; policy accept;`,
    ...rules.map((rule) => `    ${rule}${mark}`),
    '  }',
  ];
}

function familiesOf(prefixes: readonly Prefix[]): readonly AddressFamily[] {
  return ([4, 6] as const).filter((family) => ofFamily(prefixes, family).length > 0);
}

function addressSet(name: string, family: AddressFamily, all: readonly Prefix[]): Collection {
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  return { kind: 'set', name, type, isInterval: true, elements: ofFamily(all, family) };
}

function ofFamily(prefixes: readonly Prefix[], family: AddressFamily): readonly Prefix[] {
  return prefixes.filter((prefix) => prefixFamily(prefix) === family);
}

/** What two tables are compared by, besides the fingerprint. */
export function shapeOf(
  parts: readonly (readonly [name: string, contents: number | string])[],
): string {
  return parts
    .map(([name, contents]) => `${name}: ${contents}`)
    .sort()
    .join('; ');
}

export function elementsOf(elements: readonly string[]): string {
  return [...elements].sort().join(', ');
}

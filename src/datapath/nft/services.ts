// The contents of the nftables table `inet heddle_services`. The programs choose the backend of a connection and write
// its number into the packet's mark; these rules translate. Their number does not depend on the number of Services.

import type { Entries } from '../../base/collections/collection.ts';
import { memoizeLast } from '../../base/memoize.ts';
import { serviceMarks, serviceTableName } from '../../model/ids.ts';
import type { ServiceBackend } from '../../model/services/plan/desired-services.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import type { DesiredContents, EntryGroup } from '../../reconcile/table.ts';
import { contentEntries, elementEntry, keyed, type NftEntry, tableEntry } from './entries.ts';
import { type TunnelDevice, withoutPort } from './masquerade.ts';
import { type Collection, priorities, type TableContents, toPods } from './rule-text.ts';

/** What the rules depend on. */
export interface ServiceRules {
  /** InternalIPs of this node. */
  readonly nodeAddresses: readonly Address[];
  /** In mode `vxlan`. */
  readonly tunnel?: TunnelDevice | undefined;
}

export interface TranslatedServices {
  readonly backends: Entries<string, ServiceBackend>;
  readonly rules: ServiceRules;
}

/**
 * Counters of packets that get an error because no backend is there, of those that get no answer because none is here, and
 * of packets that no rule has translated.
 */
export const serviceCounters = {
  refused: 'refused',
  silent: 'silent',
  unchosen: 'unchosen',
} as const;

export function serviceTableContents(): DesiredContents<
  TranslatedServices,
  NftEntry,
  ServiceBackend
> {
  const rulesOf = memoizeLast(rulePart);
  return {
    groups: ({ rules: { nodeAddresses, tunnel } }) => [
      tablePart,
      rulesOf(nodeAddresses.join(' '), tunnel?.name, tunnel?.port),
    ],
    items: { of: ({ backends }) => backends, entriesOf: backendEntries },
  };
}

const tablePart = keyed([tableEntry(serviceTableName)]);

function rulePart(nodeAddresses: string, name?: string, port?: number): EntryGroup<NftEntry> {
  const tunnel = name === undefined || port === undefined ? undefined : { name, port };
  const addresses = nodeAddresses.split(' ').filter((text) => text !== '') as Address[];
  return keyed(contentEntries(serviceRules({ nodeAddresses: addresses, tunnel }), 0));
}

function backendEntries({ number, address, port }: ServiceBackend): EntryGroup<NftEntry> {
  const map = backendMap(addressFamily(address));
  return keyed([elementEntry(map, `${number} : ${address} . ${port}`)]);
}

const families = [4, 6] as const;

export function serviceRules(rules: ServiceRules): TableContents {
  const { beforeDstnat, beforeSrcnat, afterDstnat, beforeForward } = priorities;
  return {
    counters: Object.values(serviceCounters),
    collections: families.map(backendCollection),
    chains: [
      {
        name: 'refuse',
        at: { type: 'filter', hook: 'prerouting', priority: beforeDstnat },
        rules: [
          `${isSilent} counter name "${serviceCounters.silent}" drop`,
          `${isRefused} meta l4proto tcp counter name "${serviceCounters.refused}" reject with tcp reset`,
          `${isRefused} counter name "${serviceCounters.refused}" reject with icmpx type port-unreachable`,
        ],
      },
      {
        name: 'translate',
        at: { type: 'nat', hook: 'prerouting', priority: beforeDstnat + 1 },
        rules: families.map(translation),
      },
      {
        // The mark of the connection shows that it is a Service's. Rules of others may use single bits of the packet's,
        // as kube-proxy's do.
        name: 'shorten',
        at: { type: 'filter', hook: 'prerouting', priority: afterDstnat },
        rules: [
          `${isTagged} ct state new ct mark set meta mark`,
          `${isTagged} meta mark set meta mark & ${hex(tagMask | masquerade)}`,
        ],
      },
      {
        // A packet of no connection would leave for an address that nobody has.
        name: 'unchosen',
        at: { type: 'filter', hook: 'forward', priority: beforeForward },
        rules: [
          `${isTagged} ct state invalid,untracked counter name "${serviceCounters.unchosen}" drop`,
          // An answer to a masqueraded pod may be to a port that is a node port as well.
          `${isTagged} ct direction original ct status & ${dnatStatus} == 0x0 counter name "${serviceCounters.unchosen}" drop`,
        ],
      },
      {
        name: 'hide_client',
        at: { type: 'nat', hook: 'postrouting', priority: beforeSrcnat },
        rules: hiding(rules),
      },
    ],
  };
}

const { tag, tagMask, masquerade, backendMask, refuse, silent } = serviceMarks;
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
const isTagged = `meta mark & ${hex(tagMask)} == ${hex(tag)}`;
const beginsAs = (number: number): string =>
  `meta mark & ${hex(tagMask | backendMask)} == ${hex(tag | number)} ct state new`;
const isRefused = beginsAs(refuse);
const isSilent = beginsAs(silent);
/** IPS_DST_NAT of linux/netfilter/nf_conntrack_common.h. */
const dnatStatus = '0x20';

const backendMap = (family: AddressFamily): string => `backends${family}`;
const protocolOf = (family: AddressFamily): string => (family === 4 ? 'ip' : 'ip6');

function backendCollection(family: AddressFamily): Collection {
  const type = `mark : ipv${family}_addr . inet_service`;
  return { kind: 'map', name: backendMap(family), type, elements: [] };
}

// A number without an element (0: the packet begins no connection) is not translated here.
function translation(family: AddressFamily): string {
  const to = `dnat ${protocolOf(family)} to meta mark & ${hex(backendMask)} map @${backendMap(family)}`;
  return `meta nfproto ipv${family} ${isTagged} meta l4proto { tcp, udp, sctp } ${to}`;
}

// The backend answers the node. A pod's interface has no address from which the kernel could choose.
function hiding({ nodeAddresses, tunnel }: ServiceRules): readonly string[] {
  const isHidden = `meta mark & ${hex(tagMask | masquerade)} == ${hex(tag | masquerade)}`;
  return families.flatMap((family) => {
    const hidden = `meta nfproto ipv${family} ${isHidden}`;
    const own = nodeAddresses.find((address) => addressFamily(address) === family);
    const ip = protocolOf(family);
    const [exact, bracketed] = family === 4 ? [own, own] : [own, `[${own}]`];
    const toPod = `${hidden} ${toPods}`;
    return [
      ...(own === undefined
        ? []
        : [
            ...withoutPort(
              tunnel,
              (ports) => `${toPod} meta l4proto udp snat ${ip} to ${bracketed}:${ports}`,
            ),
            `${toPod} snat ${ip} to ${exact} fully-random`,
          ]),
      ...withoutPort(tunnel, (ports) => `${hidden} meta l4proto udp masquerade to :${ports}`),
      `${hidden} masquerade fully-random`,
    ];
  });
}

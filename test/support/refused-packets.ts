// Single packets that are forbidden, and allowed ones next to them, for test runs: each with its expected result.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { dropReason, dropReasonNames, type ProgramName } from '../../src/datapath/generated.ts';
import { type Address, addressFamily, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { protocols } from '../../src/net/protocol.ts';
import type { TestDatapath } from './datapath.ts';
import { hostMac, hostSideMac, tunnelDevice, tunnelPort, uplink, web } from './datapath-network.ts';
import { observe } from './datapath-outcome.ts';
import { clearFlows } from './flow-packets.ts';
import { type OuterHeader, usualOuter } from './out-of-tunnel.ts';
import {
  ethernet,
  etherTypes,
  fragment,
  type IpHeader,
  icmpError,
  icmpProtocol,
  ip,
  nextHeaders,
  type Ports,
  udp,
} from './packets.ts';
import type { VlanTag } from './tagged.ts';

export const ports: Ports = { sourcePort: 40000, destinationPort: 53 };
export const toTunnelPort: Ports = { sourcePort: 40000, destinationPort: tunnelPort };

export type PacketBody = readonly [protocol: number, payload: Uint8Array];

export function datagramBody(to: Ports = ports): PacketBody {
  return [protocols.udp, udp(to, new Uint8Array(8))];
}

export interface Sent {
  readonly program?: ProgramName;
  readonly ifIndex?: IfIndex;
  /** For `to_pod`: the interface that brought the packet to the stack. */
  readonly ingressIfIndex?: IfIndex;
  readonly source: string;
  readonly destination: string;
  readonly body?: PacketBody;
  readonly header?: Partial<IpHeader>;
  readonly outer?: OuterHeader;
  /** Tags of a frame for from_network, outermost first. */
  readonly tags?: readonly VlanTag[];
}

/** The reason of the drop, or the verdict. */
export function fate(datapath: TestDatapath, sent: Sent): string {
  const { program = 'from_pod', body: [protocol, payload] = datagramBody(), header = {} } = sent;
  const source = parseAddress(sent.source);
  const addresses = { source, destination: sent.destination as Address };
  const isIpv4 = addressFamily(source) === 4;
  const packet = ethernet(
    {
      source: program === 'from_pod' ? web.mac : hostSideMac,
      destination: program === 'from_pod' ? hostSideMac : hostMac,
      type: isIpv4 ? etherTypes.ipv4 : etherTypes.ipv6,
    },
    ip({ ...addresses, protocol, ...header }, payload),
  );
  const ifIndex =
    sent.ifIndex ??
    { from_pod: web.ifIndex, from_network: uplink }[program as 'from_pod'] ??
    tunnelDevice;
  const { outer = usualOuter, tags = [], ingressIfIndex } = sent;
  const options = {
    ifIndex,
    outer,
    tags,
    ...(ingressIfIndex === undefined ? {} : { ingressIfIndex }),
  };
  const { outcome } = observe(datapath, program, packet, options);
  return outcome.dropped[0] ?? outcome.verdict;
}

export interface RefusedPacket extends Sent {
  readonly what: string;
  readonly fate: string;
}

export async function check(
  context: TestContext,
  datapath: TestDatapath,
  cases: readonly RefusedPacket[],
): Promise<void> {
  for (const each of cases) {
    await context.test(`${each.what}: ${each.source} > ${each.destination}: ${each.fate}`, () => {
      clearFlows(datapath);
      assert.equal(fate(datapath, each), each.fate);
    });
  }
}

type Refusal =
  | 'malformed'
  | 'notIp'
  | 'martian'
  | 'spoofedAddress'
  | 'tunnelPort'
  | 'forgedError'
  | 'neighbourDiscovery'
  | 'sourceRoute'
  | 'spoofedOutside'
  | 'spoofedTunnel';

const named = Object.entries(dropReason).map(([key, reason]) => [key, dropReasonNames[reason]]);
/** Names of drop reasons, as `fate` returns them. */
export const reasons: Readonly<Record<Refusal, string>> = Object.fromEntries(named);

/**
 * Fragments of a datagram to the tunnel's port. Only the first has the ports, and without it the others have no effect.
 */
export function fragmentsOf(
  family: 4 | 6,
): readonly (readonly [string, Pick<Sent, 'body' | 'header'>, boolean])[] {
  const [protocol, first] = datagramBody(toTunnelPort);
  const rest = new Uint8Array(16);
  if (family === 4) {
    return [
      ['first fragment', { body: [protocol, first], header: { moreFragments: true } }, true],
      ['later fragment', { body: [protocol, rest], header: { fragmentOffset: 16 } }, false],
    ];
  }
  const wrap = (offset: number, more: boolean, payload: Uint8Array): Pick<Sent, 'body'> => ({
    body: [nextHeaders.fragment, fragment({ next: protocol, offset, more }, payload)],
  });
  return [
    ['first fragment', wrap(0, true, first), true],
    ['only fragment', wrap(0, false, first), true],
    ['later fragment', wrap(16, false, rest), false],
  ];
}

export function laterFragment(family: 4 | 6): Pick<Sent, 'body' | 'header'> {
  const later = fragmentsOf(family).at(-1);
  assert(later !== undefined);
  return later[1];
}

/** An error about a packet of `about`. */
export function errorBodyAbout(
  family: 4 | 6,
  type: number,
  about: { from: string; to: string },
): PacketBody {
  const quoted = ip(
    {
      source: parseAddress(about.from),
      destination: parseAddress(about.to),
      protocol: protocols.udp,
    },
    udp(ports, new Uint8Array(8)),
  );
  return [icmpProtocol(family), icmpError(type, quoted)];
}

export const errorTypes = { 4: [3, 4, 5, 11, 12], 6: [1, 2, 3, 4, 100, 127] } as const;

// Path-MTU errors that any host may forge about this node's packets to other nodes. The kernel believes one for ten
// minutes, and the tunnel's packets then are cut into small fragments (IPv4) or lost (IPv6).

import type { TunnelEnds } from '../../model/desired.ts';
import { addressFamily } from '../../net/address.ts';
import type { Chain } from './rule-text.ts';

/** The counter of ICMP errors about tunnels that were dropped. */
export const tunnelErrorCounter = 'tunnel_error';

export interface TunnelErrors {
  /** Rules that lead to `chains`, for a chain where no fragment has been reassembled yet. */
  readonly jumps: readonly string[];
  /** The same for a chain of packets to this node itself, behind NAT. */
  readonly entering: readonly string[];
  readonly chains: readonly Chain[];
}

/** IPv6 only where tunnels can be over IPv6: elsewhere such errors are of no use against them. */
export function tunnelErrors({ own, port }: TunnelEnds): TunnelErrors {
  const hasIpv6 = own.some((address) => addressFamily(address) === 6);
  const four = { name: 'tunnel_errors', rules: rules4(port) };
  const six = { name: 'tunnel_errors6', rules: rules6(port) };
  const known4 = { name: 'known_errors', rules: knownRules4 };
  const known6 = { name: 'known_errors6', rules: knownRules6 };
  const jumpsTo = (to4: Chain, to6: Chain): readonly string[] => [
    `icmp type destination-unreachable icmp code frag-needed jump ${to4.name}`,
    ...(hasIpv6 ? [`icmpv6 type packet-too-big jump ${to6.name}`] : []),
  ];
  return {
    jumps: jumpsTo(four, six),
    entering: jumpsTo(known4, known6),
    chains: [four, known4, ...(hasIpv6 ? [six, known6] : [])],
  };
}

const drop = `counter name "${tunnelErrorCounter}" drop`;

// The kernel checks what the sender of an error cannot guess for TCP (sequence number), SCTP (verification tag) and
// IPsec (SPI). For UDP it looks for an open port; the tunnel's packets may be fragmented, so no router reports this
// about them. For all other protocols, no more than the addresses are needed: a raw socket (ping, keepalived, a routing
// daemon), another kind of tunnel, or the kernel's own echo replies. A complete error is short enough to need no
// fragments; the quoted packet begins behind the error's eight bytes, and UDP has no IP options.
function rules4(port: number): readonly string[] {
  return [
    'fib daddr type != local return',
    `ip frag-off & 0x3fff != 0x0 ${drop}`,
    '@th,136,8 { 6, 50, 51, 132 } return',
    `@th,64,8 != 0x45 ${drop}`,
    `@th,136,8 != 17 ${drop}`,
    `@th,224,16 ${port} ${drop}`,
    `@th,240,16 ${port} ${drop}`,
  ];
}

// Routers do report this about tunnels, whose packets they do not fragment. The report is of no use: the sender inside
// never hears of it, and longer packets are lost with it or without it. The kernel passes extension headers over, up to
// a UDP header that these rules would not see. Unlike IPv4's, such an error may be sent to a group or to any node's
// anycast address: the kernel looks only at the addresses in the quote.
function rules6(port: number): readonly string[] {
  return [
    'fib daddr type != { local, multicast, anycast } return',
    `ip6 nexthdr != 58 ${drop}`,
    '@th,112,8 { 6, 50, 132 } return',
    `@th,112,8 != 17 ${drop}`,
    `@th,384,16 ${port} ${drop}`,
    `@th,400,16 ${port} ${drop}`,
  ];
}

// The other end of a TCP connection knows its sequence numbers, and may be a pod or a container to which the other node
// translates. So what is about a connection with another node is dropped, and what is about none that is known: a
// connection may be forgotten while its socket is open. Only the ends of IPsec know an SPI, and no NAT leads there.
// UDP passes: without this report no long datagram reaches a server behind another node's port, while TCP's two ends
// agree on a size. The other node drops what its NAT would make of others' errors.
const isOf = (protocols: string, protocolAt: number): string =>
  `@th,${protocolAt},8 ${protocols} return`;
const knownRules4: readonly string[] = knownRules('ip', 4, 136);
const knownRules6: readonly string[] = knownRules('ip6', 6, 112);

function knownRules(ip: 'ip' | 'ip6', version: 4 | 6, protocolAt: number): readonly string[] {
  return [
    isOf('{ 50, 51 }', protocolAt),
    `ct state != related ${drop}`,
    isOf('17', protocolAt),
    `ct original ${ip} saddr @tunnel_peers${version} ${drop}`,
    `ct reply ${ip} saddr @tunnel_peers${version} ${drop}`,
  ];
}

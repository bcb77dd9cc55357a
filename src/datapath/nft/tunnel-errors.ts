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
  readonly chains: readonly Chain[];
}

/** IPv6 only where tunnels can be over IPv6: elsewhere such errors are of no use against them. */
export function tunnelErrors({ own, port }: TunnelEnds): TunnelErrors {
  const hasIpv6 = own.some((address) => addressFamily(address) === 6);
  const four = { name: 'tunnel_errors', rules: rules4(port) };
  const six = { name: 'tunnel_errors6', rules: rules6(port) };
  return {
    jumps: [
      `icmp type destination-unreachable icmp code frag-needed jump ${four.name}`,
      ...(hasIpv6 ? [`icmpv6 type packet-too-big jump ${six.name}`] : []),
    ],
    chains: [four, ...(hasIpv6 ? [six] : [])],
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
// a UDP header that these rules would not see.
function rules6(port: number): readonly string[] {
  return [
    'fib daddr type != local return',
    `ip6 nexthdr != 58 ${drop}`,
    '@th,112,8 { 6, 50, 132 } return',
    `@th,112,8 != 17 ${drop}`,
    `@th,384,16 ${port} ${drop}`,
    `@th,400,16 ${port} ${drop}`,
  ];
}

// IP protocol numbers that the data path distinguishes (IANA), with their names as Kubernetes writes them.

export const protocols = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
} as const;

/** `tcp`, `udp`, ... or the number of a protocol without a name here. */
export function protocolName(number: number): string {
  const found = Object.entries(protocols).find(([, value]) => value === number);
  return found === undefined ? String(number) : found[0];
}

// IP protocol numbers of Services' ports.

import type { TransportProtocol } from '../../cluster/objects.ts';
import { protocols } from '../../net/protocol.ts';

const numbers: Readonly<Record<TransportProtocol, number>> = {
  TCP: protocols.tcp,
  UDP: protocols.udp,
  SCTP: protocols.sctp,
};

/** 0: any. */
export function protocolNumber(protocol: TransportProtocol | undefined): number {
  return protocol === undefined ? 0 : numbers[protocol];
}

/** Undefined: no Service has ports of that protocol. */
export function transportProtocol(number: number): TransportProtocol | undefined {
  const names = Object.keys(numbers) as readonly TransportProtocol[];
  return names.find((name) => numbers[name] === number);
}

// Names of Services for the flow log.

import type { Port } from '../net/port.ts';
import { protocols } from '../net/protocol.ts';
import type { NameFrontend } from '../observe/led-flows.ts';
import { frontendNames } from './services/frontend-names.ts';
import type { SeenServices } from './services/seen.ts';

/** Remembers its answers: use it for one batch of events only. */
export function flowFrontends(seen: SeenServices): NameFrontend {
  const names = frontendNames(seen);
  return ({ address, port, protocol: number }) => {
    const protocol = number === protocols.udp ? 'UDP' : 'TCP';
    const { service, portName } = names({ address, port: port as Port, protocol });
    return {
      ...(service !== undefined && { name: service }),
      ...(portName !== undefined && { portName }),
    };
  };
}

// Which Service has a frontend. Pure.

import type { TransportProtocol } from '../../cluster/objects.ts';
import type { FrontendKind } from '../../model/services/frontend.ts';
import { resolve } from '../../model/services/resolve.ts';
import type { Address } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { askedPlace } from './asked-place.ts';
import type { SeenServices } from './seen.ts';

/** What the Services know about a frontend. Empty: no Service has it. */
export interface FrontendNames {
  /** `shop/web` */
  readonly service?: string;
  /** Absent: the Service's port has no name. */
  readonly portName?: string;
  readonly frontendKind?: FrontendKind;
}

export interface AskedFrontend {
  readonly address: Address;
  readonly port: Port;
  readonly protocol: TransportProtocol;
}

/** Remembers its answers, because many connections have few frontends: use it for one look at the Services only. */
export function frontendNames({
  tables,
  context,
}: SeenServices): (frontend: AskedFrontend) => FrontendNames {
  const known = new Map<string, FrontendNames>();
  return ({ address, port, protocol }) => {
    const key = `${address} ${port} ${protocol}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const to = { ...askedPlace(context, { address, port }), protocol };
    const names = namesOf(resolve(tables, context, { client: { kind: 'node', address }, to }));
    known.set(key, names);
    return names;
  };
}

function namesOf(resolution: ReturnType<typeof resolve>): FrontendNames {
  if (resolution.kind === 'no-service' || resolution.kind === 'no-port') return {};
  const { name, frontend, compiled } = resolution.found;
  const portName = compiled.service.ports[frontend.portIndex]?.name;
  const named = portName === undefined || portName === '' ? {} : { portName };
  return { service: name, ...named, frontendKind: frontend.kind };
}

// UDP has no connections that end: a client that keeps sending from one port keeps its entry in connection tracking, and
// with it a backend that is gone. Decides which entries of UDP lead where no Service leads any more. Pure.

import type { ConnectedSocket } from '../../datapath/generated.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import { serviceMarks } from '../../model/ids.ts';
import { stateOf } from '../../model/services/backends.ts';
import type { CompiledPort } from '../../model/services/compiled.ts';
import { resolve, type ServiceContext } from '../../model/services/resolve.ts';
import type { ServiceTables } from '../../model/services/services.ts';
import type { Port } from '../../net/port.ts';
import { type AskedPlace, askedPlace } from './asked-place.ts';

/** Reason for the log. */
export type StaleDatagrams = 'backend gone' | 'not translated' | 'Service gone';

const udp = 17;

/**
 * Policies do not count, as in kube-proxy: a flow to a backend that still serves is never touched. Entries that lead to no
 * Service are stale only if their mark shows that a Service began them.
 */
export function staleDatagrams(
  tables: ServiceTables,
  context: ServiceContext,
): (entry: ConntrackEntry) => StaleDatagrams | undefined {
  return (entry) => {
    const { protocol, original, reply, status, zone = 0 } = entry;
    if (protocol !== udp || status.dying || zone !== 0) return undefined;
    if (original.destinationPort === undefined) return undefined;
    const to = { address: original.destination, port: original.destinationPort };
    const { source: address, sourcePort } = reply;
    const state = stateOfBackend(tables, context, {
      to,
      backend: { address, ...(sourcePort !== undefined && { port: sourcePort }) },
    });
    if (state === 'serves') return undefined;
    if (state === 'no Service') return isMarked(entry) ? 'Service gone' : undefined;
    return status.destinationNat ? 'backend gone' : 'not translated';
  };
}

/** Whether a socket is connected to a backend that its Service no longer has, or that no longer serves. */
export function staleSockets(
  tables: ServiceTables,
  context: ServiceContext,
): (socket: ConnectedSocket) => boolean {
  return ({ frontend, frontendPort, backend, backendPort }) => {
    const to = { address: frontend, port: frontendPort as Port };
    const at = { address: backend, port: backendPort as Port };
    return (
      stateOfBackend(tables, context, { to: askedPlace(context, to), backend: at }) !== 'serves'
    );
  };
}

function stateOfBackend(
  tables: ServiceTables,
  context: ServiceContext,
  { to, backend }: { readonly to: AskedPlace; readonly backend: Partial<AskedPlace> },
): 'serves' | 'gone' | 'no Service' {
  const resolution = resolve(tables, context, {
    client: { kind: 'node', address: to.address },
    to: { ...to, protocol: 'UDP' },
  });
  if (resolution.kind === 'no-service' || resolution.kind === 'no-port') return 'no Service';
  return leadsTo(resolution.found.port, backend) ? 'serves' : 'gone';
}

function isMarked({ mark }: ConntrackEntry): boolean {
  return (mark & serviceMarks.tagMask) >>> 0 === serviceMarks.tag;
}

function leadsTo({ backends }: CompiledPort, to: Partial<AskedPlace>): boolean {
  return backends.some(
    ({ address, port, endpoint }) =>
      address === to.address && port === to.port && stateOf(endpoint) !== 'out',
  );
}

// UDP has no connections that end: a client that keeps sending from one port keeps its entry in connection tracking, and
// with it a backend that is gone. Decides which entries of UDP lead where no Service leads any more. Pure.

import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import { serviceMarks } from '../../model/ids.ts';
import { stateOf } from '../../model/services/backends.ts';
import type { CompiledPort } from '../../model/services/compiled.ts';
import { resolve, type ServiceContext } from '../../model/services/resolve.ts';
import type { ServiceTables } from '../../model/services/services.ts';

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
    const found = resolve(tables, context, {
      client: { kind: 'node', address: original.source },
      to: { address: original.destination, port: original.destinationPort, protocol: 'UDP' },
    });
    if (found.kind === 'no-service' || found.kind === 'no-port')
      return isMarked(entry) ? 'Service gone' : undefined;
    if (leadsTo(found.found.port, reply)) return undefined;
    return status.destinationNat ? 'backend gone' : 'not translated';
  };
}

function isMarked({ mark }: ConntrackEntry): boolean {
  return (mark & serviceMarks.tagMask) >>> 0 === serviceMarks.tag;
}

function leadsTo({ backends }: CompiledPort, reply: ConntrackEntry['reply']): boolean {
  return backends.some(
    ({ address, port, endpoint }) =>
      address === reply.source && port === reply.sourcePort && stateOf(endpoint) !== 'out',
  );
}

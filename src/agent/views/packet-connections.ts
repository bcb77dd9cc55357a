// Connections to Services that connection tracking translates (the mark of the table `heddle_services`).

import type { FlowEndView } from '../../api/flows.ts';
import type { ServiceConnection } from '../../api/service-connections.ts';
import type { ServiceProtocol } from '../../api/services.ts';
import type { NetworkNamespace } from '../../kernel/namespace.ts';
import { conntrackCount, conntrackPieces } from '../../kernel/netfilter/conntrack.ts';
import type { ConntrackEntry, TcpState } from '../../kernel/netfilter/conntrack-record.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { serviceMarks } from '../../model/ids.ts';
import type { Address } from '../../net/address.ts';
import { protocols } from '../../net/protocol.ts';
import type { AskedFrontend, FrontendNames } from '../services/frontend-names.ts';
import {
  type ConnectionFilter,
  type ConnectionPieces,
  isAskedPod,
  isAskedService,
  LimitedConnections,
  type LookLimits,
} from './connection-filter.ts';

/** Names of addresses and frontends. */
export interface ConnectionNames {
  owner(address: Address): Pick<FlowEndView, 'kind' | 'pod' | 'node'>;
  frontend(frontend: AskedFrontend): FrontendNames;
}

export interface PacketSources {
  readonly names: ConnectionNames;
  /** Default: the thread's own. */
  readonly namespace?: NetworkNamespace | undefined;
}

const mark = { value: serviceMarks.tag, mask: serviceMarks.tagMask };

/** Rejects with KernelError. */
export async function* packetConnections(
  { names, namespace }: PacketSources,
  filter: ConnectionFilter,
  limits: LookLimits,
): ConnectionPieces {
  using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
  if (conntrackCount(socket) === 0) return undefined;
  const limited = new LimitedConnections(limits);
  for await (const piece of conntrackPieces(socket, { mark })) {
    const found = piece.flatMap((entry) => packetConnection(entry, names, filter) ?? []);
    yield limited.take(found);
    if (limited.cut !== undefined) return limited.cut;
  }
  return undefined;
}

/** Undefined: it is not translated, is ending, or is not asked for. */
export function packetConnection(
  entry: ConntrackEntry,
  names: ConnectionNames,
  filter: ConnectionFilter = {},
): ServiceConnection | undefined {
  const { original, reply, status, timeoutSeconds } = entry;
  const protocol = protocolNames[entry.protocol];
  const { source, sourcePort, destination, destinationPort } = original;
  if (protocol === undefined || !status.destinationNat || status.dying) return undefined;
  if (sourcePort === undefined || destinationPort === undefined) return undefined;
  const frontend = { address: destination, port: destinationPort };
  const named = names.frontend({ ...frontend, protocol });
  if (!isAskedService(filter, named)) return undefined;
  const client = { address: source, port: sourcePort, ...names.owner(source) };
  const backend = {
    ...{ address: reply.source, port: reply.sourcePort ?? 0 },
    ...names.owner(reply.source),
  };
  if (!isAskedPod(filter, { client, backend })) return undefined;
  const isHidden = reply.destination !== source || reply.destinationPort !== sourcePort;
  const seen = { address: reply.destination, port: reply.destinationPort ?? 0 };
  return {
    ...{ way: 'packets', protocol, ...named, client, frontend, backend },
    ...(isHidden && { masqueradedAs: seen }),
    state: stateOf(entry),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
  };
}

const protocolNames: Readonly<Record<number, ServiceProtocol>> = {
  [protocols.tcp]: 'TCP',
  [protocols.udp]: 'UDP',
  [protocols.sctp]: 'SCTP',
};

function stateOf({ tcpState, status }: ConntrackEntry): string {
  if (tcpState !== undefined) return tcpStateNames[tcpState];
  return status.seenReply ? 'answered' : 'unanswered';
}

// As ss(8) names them; connection tracking has one state for both directions.
const tcpStateNames: Readonly<Record<TcpState, string>> = {
  none: 'none',
  synSent: 'syn-sent',
  synReceived: 'syn-received',
  established: 'established',
  finWait: 'fin-wait',
  closeWait: 'close-wait',
  lastAck: 'last-ack',
  timeWait: 'time-wait',
  close: 'closed',
  synSent2: 'syn-sent',
};

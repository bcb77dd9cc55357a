// Connections that a Service has led to a backend at their sockets: what the programs remember, joined with the kernel's
// list of sockets of each network namespace by the sockets' cookies.

import { setImmediate } from 'node:timers/promises';
import type { ConnectionClient, ServiceConnection } from '../../api/service-connections.ts';
import type { NetworkNamespace } from '../../kernel/namespace.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { type InetSocket, inetSocketPieces } from '../../kernel/sockets/inet-socket.ts';
import {
  type ConnectionFilter,
  type ConnectionPieces,
  isAskedPod,
  isAskedService,
  LimitedConnections,
  type LookLimits,
} from './connection-filter.ts';
import type { ConnectionNames } from './packet-connections.ts';
import type { RememberedSocket, RememberedSockets } from './remembered-sockets.ts';

/** A network namespace whose processes may have such sockets. */
export interface SocketPlace {
  readonly client: Pick<ConnectionClient, 'kind' | 'pod' | 'node'>;
  readonly protocols: readonly ('TCP' | 'UDP')[];
  /** Undefined: it does not exist any more. */
  open(): NetworkNamespace | undefined;
}

export interface SocketSources {
  readonly names: ConnectionNames;
  /** Read at the beginning. */
  remembered(): readonly RememberedSockets[];
  places(): readonly SocketPlace[];
}

/** Where an entry is. */
interface Found {
  readonly list: RememberedSockets;
  readonly index: number;
}

/** By the sockets' cookies. */
type Wanted = Map<number, Found[]>;

const entriesAtOnce = 500;

/** Rejects with KernelError. */
export async function* socketConnections(
  sources: SocketSources,
  filter: ConnectionFilter,
  limits: LookLimits,
): ConnectionPieces {
  const limited = new LimitedConnections(limits);
  const connection = (found: Found, client: ConnectionClient, socket?: InetSocket) =>
    asked({ found, client, socket }, sources.names, filter);
  // Without a pod, every entry becomes a connection, so no more are needed.
  const most = filter.pod === undefined ? limits.limit + 1 : Number.POSITIVE_INFINITY;
  const wanted = await wantedSockets(sources, filter, most);
  for (const place of sources.places()) {
    if (wanted.size === 0) break;
    for await (const sockets of socketsIn(place, wanted)) {
      const rows = sockets.flatMap((socket) => {
        const found = wanted.get(socket.cookie) ?? [];
        wanted.delete(socket.cookie);
        const client = clientOf(place, socket);
        return found.flatMap((each) => connection(each, client, socket) ?? []);
      });
      yield limited.take(rows);
      if (limited.cut !== undefined) return limited.cut;
    }
  }
  for await (const found of inPieces([...wanted.values()].flat())) {
    const left = found.filter(({ list, index }) => list.isStill(index));
    yield limited.take(left.flatMap((each) => connection(each, { kind: 'unknown' }) ?? []));
    if (limited.cut !== undefined) return limited.cut;
  }
  return undefined;
}

async function wantedSockets(
  { names, remembered }: SocketSources,
  filter: ConnectionFilter,
  most: number,
): Promise<Wanted> {
  const wanted: Wanted = new Map();
  let count = 0;
  let read = 0;
  for (const list of remembered())
    for (let index = 0; index < list.count && count < most; index++) {
      if (++read % entriesAtOnce === 0) await setImmediate();
      const entry = list.at(index);
      if (entry === undefined || !isAskedService(filter, namesOf(entry, names))) continue;
      count++;
      const known = wanted.get(entry.cookie);
      if (known === undefined) wanted.set(entry.cookie, [{ list, index }]);
      else known.push({ list, index });
    }
  return wanted;
}

async function* socketsIn(
  { protocols, open }: SocketPlace,
  wanted: Wanted,
): AsyncGenerator<readonly InetSocket[], void> {
  using namespace = open();
  if (namespace === undefined) return;
  for (const protocol of protocols) {
    using socket = NetlinkSocket.open({ family: 'socketDiagnosis', namespace });
    const search = {
      protocol: protocol === 'TCP' ? 'tcp' : 'udp',
      isWanted: (cookie: number) => wanted.has(cookie),
    } as const;
    yield* inetSocketPieces(socket, search);
  }
}

async function* inPieces<Item>(items: readonly Item[]): AsyncGenerator<readonly Item[], void> {
  for (let from = 0; from < items.length; from += entriesAtOnce) {
    yield items.slice(from, from + entriesAtOnce);
    await setImmediate();
  }
}

function clientOf({ client }: SocketPlace, { local }: InetSocket): ConnectionClient {
  return local.port === 0 ? client : { ...client, ...local };
}

interface Joined {
  readonly found: Found;
  readonly client: ConnectionClient;
  readonly socket?: InetSocket | undefined;
}

/** Undefined: it is not asked for. */
function asked(
  { found, client, socket }: Joined,
  names: ConnectionNames,
  filter: ConnectionFilter,
): ServiceConnection | undefined {
  const entry = found.list.at(found.index);
  return entry && socketConnection({ entry, client, socket }, names, filter);
}

interface JoinedSocket extends Omit<Joined, 'found'> {
  readonly entry: RememberedSocket;
}

/** Undefined: it is not asked for. `socket`: absent if the kernel's lists do not have it. */
export function socketConnection(
  { entry, client, socket }: JoinedSocket,
  names: ConnectionNames,
  filter: ConnectionFilter = {},
): ServiceConnection | undefined {
  const { protocol, frontend } = entry;
  const backend = { ...entry.backend, ...names.owner(entry.backend.address) };
  if (!isAskedPod(filter, { client, backend })) return undefined;
  const named = namesOf(entry, names);
  const state = stateOf(entry, socket);
  return { ...{ way: 'socket', protocol, ...named, client, frontend, backend, state } };
}

function namesOf({ frontend, protocol }: RememberedSocket, names: ConnectionNames) {
  return names.frontend({ ...frontend, protocol });
}

function stateOf(
  { protocol, isConnected }: RememberedSocket,
  socket: InetSocket | undefined,
): string {
  if (socket === undefined) return 'unknown';
  if (protocol === 'TCP') return socket.state;
  return isConnected ? 'connected' : 'unconnected';
}

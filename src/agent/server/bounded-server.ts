// An HTTP server with bounded resources: few connections, one request each, a few seconds for everything. If there is
// one connection too many, the oldest one of the address with the most is closed: a client that opens thousands closes
// only its own.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket, Server as SocketServer } from 'node:net';
import { isKernelError, KernelError } from '../../kernel/errno.ts';

export interface BoundedHttpOptions {
  readonly maxConnections: number;
  answer(path: string, response: ServerResponse): void;
  onConnection?(): void;
  /** Time limit for a client's request, and again for reading the answer. Default 5,000. */
  readonly patienceMs?: number;
}

export interface BoundedHttp {
  /** Does not listen. Another server may hand connections to it: `server.emit('connection', socket)`. */
  readonly server: Server;
  closeConnections(): void;
}

export interface ListenOptions {
  /**
   * `192.0.2.1:9655` or `[2001:db8::1]:9655`; port 0 takes a free one. `[::]` means all addresses of both families, also
   * on a kernel without IPv6.
   */
  readonly address: string;
  /** Number of connections that the kernel keeps until they are accepted. */
  readonly backlog: number;
}

export interface BoundedServerOptions extends BoundedHttpOptions, ListenOptions {}

export interface BoundedServer {
  /** The actual listen address. */
  readonly address: string;
  /** Rejects when the server fails after it has listened; never resolves. */
  readonly broken: Promise<never>;
  close(): void;
}

// Prometheus and a kubelet are on a fast network and request 100 kB.
const enoughMs = 5000;
// Limit for the header of a request for one of three paths.
const maxHeaderSize = 8192;
// The maximum of a timer: 24 days.
const never = 2 ** 31 - 1;

/** Throws KernelError with the kernel's error for the address. */
export async function listenBounded(options: BoundedServerOptions): Promise<BoundedServer> {
  const http = boundedHttp(options);
  const opened = await openListener(http.server, options);
  const close = (): void => {
    opened.close();
    http.closeConnections();
  };
  return { ...opened, close };
}

/** The limits hold for all its connections together, whoever accepts them. */
export function boundedHttp(options: BoundedHttpOptions): BoundedHttp {
  const { maxConnections, answer, onConnection, patienceMs = enoughMs } = options;
  const limits = {
    // Each connection has timers below. Node.js would check all connections periodically, even if there are none.
    headersTimeout: 0,
    requestTimeout: 0,
    connectionsCheckingInterval: never,
    keepAliveTimeout: 1,
    maxHeaderSize,
    maxRequestsPerSocket: 1,
  };
  const server = createServer(limits, (request: IncomingMessage, response) => {
    clearTimeout(asking.get(request.socket));
    // The path without the query.
    const [path = ''] = (request.url ?? '').split('?');
    response.shouldKeepAlive = false;
    answer(path, response);
  });
  const asking = new Map<Socket, NodeJS.Timeout>();
  const connections = new Map<Socket, string>();
  server.on('connection', (socket) => {
    onConnection?.();
    connections.set(socket, socket.remoteAddress ?? '');
    const lifetime = endAfter(socket, 2 * patienceMs);
    asking.set(socket, endAfter(socket, patienceMs));
    socket.once('close', () => {
      clearTimeout(lifetime);
      clearTimeout(asking.get(socket));
      asking.delete(socket);
      connections.delete(socket);
    });
    if (connections.size > maxConnections) oldestOfTheMost(connections)?.destroy();
  });
  const closeConnections = (): void => {
    for (const socket of connections.keys()) socket.destroy();
  };
  return { server, closeConnections };
}

/** Throws KernelError with the kernel's error for the address. `close` leaves accepted connections open. */
export async function openListener(
  server: SocketServer,
  { address, backlog }: ListenOptions,
): Promise<BoundedServer> {
  const listening = await listenOnFamilies(server, address, backlog);
  const broken = new Promise<never>((_, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => reject(listenError(listening, error)));
  });
  broken.catch(() => undefined);
  const { port } = server.address() as AddressInfo;
  return {
    address: `${listening.slice(0, listening.lastIndexOf(':'))}:${port}`,
    broken,
    close: () => void server.close(),
  };
}

function endAfter(socket: Socket, ms: number): NodeJS.Timeout {
  return setTimeout(() => socket.destroy(), ms).unref();
}

/**
 * `connections`: by their remote address, in order of arrival. Among addresses with equally many, the one that came
 * first.
 */
export function oldestOfTheMost<Connection>(
  connections: ReadonlyMap<Connection, string>,
): Connection | undefined {
  const counts = new Map<string, number>();
  for (const address of connections.values()) counts.set(address, (counts.get(address) ?? 0) + 1);
  const most = Math.max(...counts.values());
  for (const [connection, address] of connections) {
    if (counts.get(address) === most) return connection;
  }
  return undefined;
}

export function plainText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

/** Returns the address that was meant. */
async function listenOnFamilies(
  server: SocketServer,
  address: string,
  backlog: number,
): Promise<string> {
  try {
    await listen(server, address, backlog);
    return address;
  } catch (error) {
    if (!address.startsWith('[::]:') || !isKernelError(error, 'EAFNOSUPPORT')) throw error;
    const other = address.replace('[::]', '0.0.0.0');
    await listen(server, other, backlog);
    return other;
  }
}

function listen(server: SocketServer, address: string, backlog: number): Promise<void> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replaceAll(/[[\]]/g, '');
  return new Promise<void>((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => reject(listenError(address, error));
    server.once('error', refused);
    server.listen({ port: Number(address.slice(colon + 1)), host, backlog }, () => {
      server.off('error', refused);
      resolve();
    });
  });
}

function listenError(address: string, { code = 'EINVAL' }: NodeJS.ErrnoException): KernelError {
  const detail =
    code === 'EADDRINUSE' ? 'another process uses it (`ss -ltnp` shows which)' : undefined;
  return new KernelError({ call: 'listen', subject: address, code, detail });
}

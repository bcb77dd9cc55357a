// The socket of the CNI shim (root only): one request per connection. In each direction there is a length, four bytes
// in network order, and a body of that length. The request's body is the plugin's environment and standard input
// (src/cni/call.ts); an empty one asks whether the agent is alive. The first byte of the answer's body is the outcome;
// the rest is the plugin's standard output, or why the agent refuses the request. The other end is in shim/request.h
// and shim/reply.h.

import { createServer, type Socket } from 'node:net';
import type { CniAnswer } from '../../api/cni-answer.ts';
import type { Logger } from '../../base/log.ts';
import type { ApiConnections } from './connections.ts';
import { cniRequestLimit, receiveBody } from './shim-connection.ts';
import { type SocketServer, serveOnFile } from './socket-file.ts';

export interface CniSources {
  readonly log: Pick<Logger, 'error'>;
  /** `body`: the environment and standard input of a CNI plugin, as sent by the shim. */
  cni(body: Buffer): Promise<CniAnswer>;
}

/** First byte of an answer. 0 and 1 are exit codes of the plugin. */
const refused = 2;
const lengthBytes = 4;

/** Listens on `path` with mode 0600. Throws what `listenOnFile` throws. */
export function listenCni(
  path: string,
  sources: CniSources,
  connections: ApiConnections,
): Promise<SocketServer> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (!connections.accept(socket, refuse)) return;
    socket.once('data', (begin) => serve(socket, { begin, sources, connections }));
    socket.once('end', () => {
      if (socket.bytesRead < lengthBytes) socket.destroy();
    });
  });
  return serveOnFile(server, path, () => connections.closeAll());
}

interface Beginning {
  /** All bytes received so far. */
  readonly begin: Buffer;
  readonly sources: CniSources;
  readonly connections: ApiConnections;
}

function serve(socket: Socket, { begin, sources, connections }: Beginning): void {
  if (begin.length < lengthBytes) {
    socket.once('data', (more) =>
      serve(socket, { begin: Buffer.concat([begin, more]), sources, connections }),
    );
    return;
  }
  const bodyBytes = begin.readUInt32BE();
  if (bodyBytes > cniRequestLimit) {
    connections.received(socket);
    refuse(socket, `a CNI request of more than ${cniRequestLimit} bytes`);
    return;
  }
  connections
    .inTurn(socket, bodyBytes, async () => {
      const body = await receiveBody(socket, { begin: begin.subarray(lengthBytes), bodyBytes });
      if (body === undefined) return;
      connections.received(socket);
      const isProbe = bodyBytes === 0;
      const { exitCode, body: text } = isProbe ? alive : await sources.cni(body);
      send(socket, exitCode, text);
    })
    .catch((error: unknown) => {
      // The shim treats a closed connection as a lost agent and reports it.
      sources.log.error({ error }, 'CNI request');
      socket.destroy();
    });
}

const alive: CniAnswer = { exitCode: 0, body: '' };

function refuse(socket: Socket, text: string): void {
  send(socket, refused, text, () => socket.destroy());
}

function send(socket: Socket, outcome: number, text: string, onSent?: () => void): void {
  const textBytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(lengthBytes + 1 + textBytes);
  frame.writeUInt32BE(1 + textBytes);
  frame.writeUInt8(outcome, lengthBytes);
  frame.write(text, lengthBytes + 1);
  socket.end(frame, onSent);
}

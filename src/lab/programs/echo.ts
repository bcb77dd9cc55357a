// The program of a pod without a command: an HTTP server and a UDP echo on port 8080, IPv4 and IPv6. Answers contain
// the name of the pod and the peer address it sees. It runs as a separate process in the pod and gets its name from the
// environment.

import { createSocket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createPlainServer } from 'node:net';
import {
  type EchoAnswer,
  echoPort,
  largestBody,
  plainAddress,
  plainEchoPort,
} from './echo-answer.ts';

const identity = {
  pod: `${process.env['POD_NAMESPACE']}/${process.env['POD_NAME']}`,
  node: process.env['NODE_NAME'] ?? '',
};

function serve(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://echo');
  const [, verb = '', size = ''] = url.pathname.split('/');
  if (verb === 'bytes') {
    response.setHeader('content-type', 'application/octet-stream');
    response.end(Buffer.alloc(Math.min(Number(size) || 0, largestBody), 'heddle '));
    return;
  }
  let receivedBytes = 0;
  request.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length;
  });
  request.on('end', () => answer(request, response, receivedBytes));
}

function answer(request: IncomingMessage, response: ServerResponse, receivedBytes: number): void {
  const body: EchoAnswer = {
    ...identity,
    address: plainAddress(request.socket.localAddress),
    peer: plainAddress(request.socket.remoteAddress),
    peerPort: request.socket.remotePort ?? 0,
    receivedBytes,
  };
  const wantsJson = request.headers.accept?.includes('application/json') === true;
  response.setHeader('content-type', wantsJson ? 'application/json' : 'text/plain');
  response.end(wantsJson ? JSON.stringify(body) : sentence(body));
}

function sentence({ pod, node, address, peer, receivedBytes }: EchoAnswer): string {
  const received = receivedBytes > 0 ? `, got ${receivedBytes} bytes` : '';
  return `${pod} on ${node} at ${address} saw ${peer}${received}\n`;
}

const server = createServer({ keepAliveTimeout: 60_000 }, serve);

for (const type of ['udp4', 'udp6'] as const) {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  // An ICMP error for an earlier answer appears here as an error. The socket still works.
  socket.on('error', () => undefined);
  socket.on('message', (message, peer) => socket.send(message, peer.port, peer.address));
  socket.bind(echoPort);
}

const plainEcho = createPlainServer({ noDelay: true }, (socket) => {
  socket.on('data', (chunk) => socket.write(chunk));
  socket.on('error', () => socket.destroy());
});
plainEcho.listen({ port: plainEchoPort, host: '::', ipv6Only: false });

server.listen({ port: echoPort, host: '::', ipv6Only: false }, () => {
  // The parent process waits until this descriptor is closed.
  if (process.env['HEDDLE_READY_FD'] !== undefined)
    closeSync(Number(process.env['HEDDLE_READY_FD']));
});

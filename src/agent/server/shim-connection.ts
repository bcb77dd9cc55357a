// The request of a shim that is older than its own socket (cni-socket.ts): HTTP on the API's socket. Supported for one
// release, for nodes whose agent is newer than the installed shim. It is handled before Node's HTTP server, which costs
// more than a millisecond per request. Only the exact bytes of that shim are accepted; everything else is HTTP, and the
// answer is the same on the wire.

import type { Socket } from 'node:net';
import type { CniAnswer } from '../../api/cni-answer.ts';

/** Maximum size of a request (shim/request.h): a configuration of 8 MiB, 1 MiB of environment. */
export const cniRequestLimit: number = (8 + 1) * 1024 * 1024 + 1;

/** The head written by such a shim; the rest of the connection is the body of that length. */
const shimHead =
  /^POST \/v1\/cni HTTP\/1\.1\r\nHost: heddle\r\nContent-Type: application\/octet-stream\r\nContent-Length: (\d{1,7})\r\nConnection: close\r\n\r\n/;
const longestHead = 256;

/** Length of the body if a connection begins with the shim's head, and the bytes after it. */
export function shimRequest(
  begin: Buffer,
): { readonly headBytes: number; readonly bodyBytes: number } | undefined {
  const match = shimHead.exec(begin.toString('latin1', 0, longestHead));
  if (match === null) return undefined;
  return { headBytes: match[0].length, bodyBytes: Number(match[1]) };
}

/** Undefined if the connection ends before the body is complete. */
export function receiveBody(
  socket: Socket,
  { begin, bodyBytes }: { readonly begin: Buffer; readonly bodyBytes: number },
): Promise<Buffer | undefined> {
  if (begin.length >= bodyBytes) return Promise.resolve(begin.subarray(0, bodyBytes));
  // It may have ended while it waited for its turn.
  if (socket.destroyed) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const chunks = [begin];
    let missing = bodyBytes - begin.length;
    socket.once('close', () => resolve(undefined));
    socket.on('end', () => {
      if (missing > 0) socket.destroy();
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      missing -= chunk.length;
      if (missing <= 0) resolve(Buffer.concat(chunks).subarray(0, bodyBytes));
    });
  });
}

/** As Node's HTTP server would write it. */
export function sendAnswer(socket: Socket, { exitCode, body }: CniAnswer): void {
  const head = [
    'HTTP/1.1 200 OK',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `heddle-exit: ${exitCode}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

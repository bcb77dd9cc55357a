// The answer of the echo server, shared with its clients.

export const echoPort = 8080;

/** TCP echo (RFC 862), used to measure round trips. */
export const plainEchoPort = 7;

/** `GET /bytes/N` sends N bytes, up to this maximum. */
export const largestBody: number = 256 * 1024 * 1024;

export interface EchoAnswer {
  /** `namespace/name`. */
  readonly pod: string;
  readonly node: string;
  /** The server's address of this connection. */
  readonly address: string;
  /** The client's address as the server sees it. */
  readonly peer: string;
  readonly peerPort: number;
  /** Length of the request's body. */
  readonly receivedBytes: number;
}

/** Address of a socket without the `::ffff:` that a dual-stack socket adds to IPv4. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, '') ?? '';
}

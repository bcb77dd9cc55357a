// What the echo server answers; shared with those who ask it.

export const echoPort = 8080;

/** TCP: everything comes back as it is (RFC 862); what round trips are measured with. */
export const plainEchoPort = 7;

/** `GET /bytes/N` sends N bytes, at most this many. */
export const largestBody: number = 256 * 1024 * 1024;

export interface EchoAnswer {
  /** `namespace/name`. */
  readonly pod: string;
  readonly node: string;
  /** The server's own address of this connection. */
  readonly address: string;
  /** The client's, as the server saw it. */
  readonly peer: string;
  readonly peerPort: number;
  /** Of the request's body. */
  readonly receivedBytes: number;
}

/** A socket's address without the `::ffff:` that a dual-stack socket shows for IPv4. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, '') ?? '';
}

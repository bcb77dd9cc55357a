// Current connections to Services.

import type { FlowEndView } from './flows.ts';
import type { FrontendView, ServiceProtocol } from './services.ts';

/**
 * GET /v1/services/connections?service=shop/web&pod=shop/client&limit=1000, each parameter optional. In the kernel's
 * order. Refused (400) while another program translates Services.
 */
export interface ServiceConnections {
  readonly connections: readonly ServiceConnection[];
  /** Why some are missing: there are more than `limit` of a way, or reading them took too long. Absent: these are all. */
  readonly cut?: 'limit' | 'time';
}

export interface ServiceConnection {
  /** `socket`: the socket was connected to the backend instead. `packets`: connection tracking translates. */
  readonly way: 'socket' | 'packets';
  readonly protocol: ServiceProtocol;
  /** `shop/web`. Absent: no Service has the frontend any more. */
  readonly service?: string;
  /** Name of the Service's port. */
  readonly portName?: string;
  readonly frontendKind?: FrontendView['kind'];
  readonly client: ConnectionClient;
  /** Where the client believes to be connected to. */
  readonly frontend: AddressAndPort;
  readonly backend: FlowEndView;
  /** Where the backend believes to be asked from, if that is not the client. */
  readonly masqueradedAs?: AddressAndPort;
  /**
   * TCP: `established`, `syn-sent`, `close-wait`, ... UDP by the socket: `connected`, or `unconnected` (the backend that
   * the next datagram gets). UDP and SCTP by packets: `answered` or `unanswered`. `unknown`: the socket is in the network
   * namespace of no pod known here, or its process keeps it after the connection has ended.
   */
  readonly state: string;
  /** packets: until the entry expires if no packet comes. */
  readonly timeoutSeconds?: number;
}

export interface AddressAndPort {
  readonly address: string;
  readonly port: number;
}

/** The address and port are absent for a socket that is not bound yet, or whose state is unknown. */
export interface ConnectionClient extends Partial<AddressAndPort> {
  readonly kind: FlowEndView['kind'] | 'unknown';
  readonly pod?: FlowEndView['pod'];
  readonly node?: string;
}

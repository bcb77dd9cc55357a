// What the kernel should know about Services: the entries of its tables, in the model's terms. Lists and numbers refer to
// each other as in the kernel (bpf/shared-services.h).

import type { Entries } from '../../../base/collections/collection.ts';
import type { TransportProtocol } from '../../../cluster/objects.ts';
import type { Address } from '../../../net/address.ts';
import type { Port } from '../../../net/port.ts';
import type { Prefix } from '../../../net/prefix.ts';

/** What a client gets. `masquerade`: the backend sees an address of the node instead of the client's. */
export type ClientChoice =
  | {
      readonly kind: 'backends';
      /** Number of the list. */
      readonly list: number;
      /** Of its backends. */
      readonly count: number;
      readonly masquerade: boolean;
    }
  | { readonly kind: 'refuse' | 'drop' };

/** How many backends clients have. */
export interface ClientBackends {
  readonly inside: number;
  readonly outside: number;
}

/** One entry of the kernel's table of frontends. */
export interface ServiceFrontend {
  /** `shop/web` */
  readonly service: string;
  /** `0.0.0.0` or `::` for a node port. */
  readonly address: Address;
  /** Absent: every other port of a cluster address, of any protocol. */
  readonly port?: Port | undefined;
  readonly protocol?: TransportProtocol | undefined;
  /** Number of the Service's port in one family: for its affinity and source ranges. 0 without a port. */
  readonly number: number;
  /** For pods and processes of this node. */
  readonly inside: ClientChoice;
  readonly outside: ClientChoice;
  /** 0: none. */
  readonly affinitySeconds: number;
  /** Clients outside the port's ranges get no answer. */
  readonly hasSourceRanges: boolean;
  /** Equal flows get equal backends on all nodes, by the lookup tables of its lists. */
  readonly isConsistent: boolean;
}

/** An address and port with the number by which packets' marks refer to it, whatever the protocol. */
export interface ServiceBackend {
  readonly number: number;
  readonly address: Address;
  readonly port: Port;
}

/** Never changes: other backends are another list. */
export interface BackendList {
  readonly number: number;
  /** Ascending by number. */
  readonly backends: readonly ServiceBackend[];
}

export interface PortSourceRanges {
  /** Number of the Service's port. */
  readonly number: number;
  /** Of the port's family; may be empty. */
  readonly ranges: readonly Prefix[];
}

export interface DesiredServices {
  /** By the key of a claim: `10.96.0.1 80 TCP`, `node4 30080 TCP`, or a cluster address for its other ports. */
  readonly frontends: Entries<string, ServiceFrontend>;
  /** By number, as text. */
  readonly lists: Entries<string, BackendList>;
  /** Lists with a lookup table, by number as text. */
  readonly lookups: Entries<string, BackendList>;
  /** By number of the Service's port, as text. */
  readonly sourceRanges: Entries<string, PortSourceRanges>;
  /** By number, as text. A backend stays for some time after the last list that had it. */
  readonly backends: Entries<string, ServiceBackend>;
  /** By `namespace/name`: what cannot be done, as texts. */
  readonly problems: Entries<string, readonly string[]>;
}

/** What an earlier agent left in the kernel. Its numbers are kept. */
export interface FoundServices {
  readonly lists: Iterable<BackendList>;
  /** Numbers of Services' ports by the keys of their frontends. */
  readonly portNumbers: ReadonlyMap<string, number>;
  /** How many backends clients had, by keys of frontends that have any. */
  readonly counts: ReadonlyMap<string, ClientBackends>;
}

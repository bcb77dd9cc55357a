// What the programs at sockets remember (bpf/socket-memory.h), as entries that can be read one by one: tables of tens of
// thousands are kept as bytes, so that the agent's other work goes on.

import {
  type ConnectedSocket,
  type DatagramEntry,
  type DatagramKey,
  datagramKind,
} from '../../datapath/generated.ts';
import type { ServiceBackend } from '../../model/services/plan/desired-services.ts';
import type { Address } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { protocols } from '../../net/protocol.ts';

export interface SocketPeer {
  readonly address: Address;
  readonly port: Port;
}

export interface RememberedSocket {
  readonly cookie: number;
  readonly protocol: 'TCP' | 'UDP';
  /** False: a backend that the next datagram gets. */
  readonly isConnected: boolean;
  readonly frontend: SocketPeer;
  readonly backend: SocketPeer;
}

export interface RememberedSockets {
  readonly count: number;
  /** Undefined: an entry of another kind. */
  at(index: number): RememberedSocket | undefined;
  /** The socket has not been closed since. */
  isStill(index: number): boolean;
}

/** A BPF map. */
export interface ReadMap<Key, Value> {
  get(key: Key): Value | undefined;
  entries(): Iterable<readonly [Key, Value]>;
  /** Undefined: the kernel reads only one entry at a time. */
  image():
    | { readonly count: number; key(index: number): Key; value(index: number): Value }
    | undefined;
}

export function connectedSockets(map: ReadMap<number, ConnectedSocket>): RememberedSockets {
  const { count, key, value } = imageOf(map);
  return {
    count,
    at(index) {
      const { frontend, frontendPort, backend, backendPort, protocol } = value(index);
      return {
        ...{ cookie: key(index), protocol: protocol === protocols.tcp ? 'TCP' : 'UDP' },
        isConnected: true,
        frontend: { address: frontend, port: frontendPort as Port },
        backend: { address: backend, port: backendPort as Port },
      };
    },
    isStill: (index) => map.get(key(index)) !== undefined,
  };
}

/** `backend`: by its number; undefined: nobody has it any more. */
export function unconnectedSockets(
  map: ReadMap<DatagramKey, DatagramEntry>,
  backend: (number: number) => ServiceBackend | undefined,
): RememberedSockets {
  const { count, key, value } = imageOf(map);
  return {
    count,
    at(index) {
      const { cookie, address, port, kind } = key(index);
      if (kind !== datagramKind.to) return undefined;
      const found = backend(value(index).backend);
      if (found === undefined) return undefined;
      return {
        ...{ cookie, protocol: 'UDP', isConnected: false },
        frontend: { address, port: port as Port },
        backend: { address: found.address, port: found.port },
      };
    },
    isStill: (index) => map.get(key(index)) !== undefined,
  };
}

interface Image<Key, Value> {
  readonly count: number;
  readonly key: (index: number) => Key;
  readonly value: (index: number) => Value;
}

function imageOf<Key, Value>(map: ReadMap<Key, Value>): Image<Key, Value> {
  const image = map.image();
  if (image !== undefined)
    return { count: image.count, key: (index) => image.key(index), value: (at) => image.value(at) };
  const all = [...map.entries()];
  const entry = (index: number): readonly [Key, Value] => {
    const found = all[index];
    if (found === undefined) throw new RangeError(`entry ${index} of ${all.length}`);
    return found;
  };
  return { count: all.length, key: (index) => entry(index)[0], value: (at) => entry(at)[1] };
}

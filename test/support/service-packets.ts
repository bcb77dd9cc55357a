// Services in the maps of a test data path, packets to them, and what the programs make of these packets.

import { type Choice, choiceKind, type ServiceEntry } from '../../src/datapath/generated.ts';
import { skBuff } from '../../src/kernel/bpf/sk-buff.ts';
import { serviceMarks } from '../../src/model/ids.ts';
import { type Address, type AddressFamily, parseAddress } from '../../src/net/address.ts';
import { protocols } from '../../src/net/protocol.ts';
import type { TestDatapath } from './datapath.ts';
import {
  type AddressByFamily,
  hostMac,
  hostSideMac,
  places,
  tunnelDevice,
  uplink,
  web,
} from './datapath-network.ts';
import { anotherMac, type Sending } from './flow-packets.ts';
import { ethernet, etherTypes, ip, joined, sctp, tcp, tcpFlags, udp } from './packets.ts';

/** Address of a Service. */
export const shop: AddressByFamily = {
  4: parseAddress('203.0.113.250'),
  6: parseAddress('2001:db8:cccc::10'),
};
/** Key of node ports. */
export const everyNodeAddress: AddressByFamily = {
  4: parseAddress('0.0.0.0'),
  6: parseAddress('::'),
};

export const serviceProtocols = ['tcp', 'udp', 'sctp'] as const;
export type FrontendProtocol = (typeof serviceProtocols)[number];

/** Clients, by where their packets come from. */
export type ClientName = 'pod' | 'world' | 'tunnel';

export const clients: Readonly<Record<ClientName, Omit<Sending, 'to'>>> = {
  pod: { program: 'from_pod', ifIndex: web.ifIndex, from: web, mac: web.mac },
  world: { program: 'from_network', ifIndex: uplink, from: places.world, mac: anotherMac },
  tunnel: {
    program: 'from_overlay',
    ifIndex: tunnelDevice,
    from: places.tunnelled,
    mac: anotherMac,
  },
};

/** Choice of a list; with one slot, unless `more` says otherwise. */
export function choiceOf(list: number, more: Partial<Choice> = {}): Choice {
  return { list, count: 1, kind: choiceKind.backends, masquerade: 0, ...more };
}
export const refusedChoice: Choice = { list: 0, count: 0, kind: choiceKind.refuse, masquerade: 0 };
export const silentChoice: Choice = { list: 0, count: 0, kind: choiceKind.drop, masquerade: 0 };

export interface GivenFrontend {
  readonly address: AddressByFamily;
  readonly port: number;
  readonly inside: Choice;
  /** Default: as inside. */
  readonly outside?: Choice;
  readonly service?: number;
  readonly affinitySeconds?: number;
  readonly hasSourceRanges?: boolean;
  readonly isConsistent?: boolean;
}

/** Writes a frontend for both families and all protocols; port 0 is every other port. */
export function addFrontend({ services }: TestDatapath, frontend: GivenFrontend): void {
  const { address, port, inside, outside = inside, service = 1 } = frontend;
  for (const family of [4, 6] as const) {
    for (const protocol of port === 0 ? [0] : serviceProtocols.map((name) => protocols[name])) {
      const entry: Omit<ServiceEntry, 'key'> = {
        ...{ service, inside, outside },
        affinitySeconds: frontend.affinitySeconds ?? 0,
        hasSourceRanges: frontend.hasSourceRanges ? 1 : 0,
        isConsistent: frontend.isConsistent ? 1 : 0,
      };
      const key = { address: address[family], port, protocol };
      services.frontends.set(key, { key, ...entry });
    }
  }
}

/** Writes the slots of a list: backends with these numbers, all at one address. */
export function addList(
  { services }: TestDatapath,
  list: number,
  backends: readonly number[],
  address: Address = places.native[4],
): void {
  services.slots.setBatch(
    backends.map((backend, index) => [
      { list, index },
      { list, backend, address, port: 8080 },
    ]),
  );
}

export interface ServicePacket {
  readonly client: ClientName;
  readonly family: AddressFamily;
  readonly protocol: FrontendProtocol;
  readonly to: AddressByFamily;
  readonly port: number;
  /** Default: the client's own. */
  readonly from?: AddressByFamily;
  /** TCP (default SYN). */
  readonly flags?: number;
  /** SCTP: type of the first chunk (default INIT). */
  readonly chunk?: number;
  readonly clientPort?: number;
}

export function servicePacket(packet: ServicePacket): Uint8Array {
  const { program, mac, from } = clients[packet.client];
  const { family } = packet;
  const header = {
    source: (packet.from ?? from)[family],
    destination: packet.to[family],
    protocol: protocols[packet.protocol],
  };
  return ethernet(
    {
      source: mac,
      destination: program === 'from_pod' ? hostSideMac : hostMac,
      type: family === 4 ? etherTypes.ipv4 : etherTypes.ipv6,
    },
    ip(header, transport(packet)),
  );
}

function transport(packet: ServicePacket): Uint8Array {
  const { flags = tcpFlags.syn, chunk = 1, clientPort: sourcePort = 40_000 } = packet;
  const ports = { sourcePort, destinationPort: packet.port };
  if (packet.protocol === 'tcp') return tcp({ ...ports, flags });
  if (packet.protocol === 'udp') return udp(ports, new Uint8Array(8));
  return sctp(ports, joined([chunk, 0, 0, 20], new Uint8Array(16)));
}

/** The mark that the program leaves on the packet, as a text: `unmarked`, `backend 7`, ... */
export function markedAs(datapath: TestDatapath, packet: ServicePacket, mark = 0): string {
  return markOfFrame(datapath, packet.client, servicePacket(packet), mark);
}

export function markOfFrame(
  datapath: TestDatapath,
  client: ClientName,
  frame: Uint8Array,
  mark = 0,
): string {
  const { program, ifIndex } = clients[client];
  const { context } = datapath.run(program, frame, { ifIndex, mark });
  const view = new DataView(context.buffer, context.byteOffset, context.length);
  return markText(skBuff.decode(view, 0).mark ?? 0);
}

function markText(mark: number): string {
  const { tag, tagMask, masquerade, backendMask, refuse } = serviceMarks;
  if (mark === 0) return 'unmarked';
  if ((mark & tagMask) !== tag) return `mark ${mark}`;
  const backend = mark & backendMask;
  const suffix = (mark & masquerade) === 0 ? '' : ', masqueraded';
  if (backend === 0) return `no backend${suffix}`;
  return backend === refuse ? `refused${suffix}` : `backend ${backend}${suffix}`;
}

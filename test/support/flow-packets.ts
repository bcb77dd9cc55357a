// Successive packets of a flow between the places of the test network, and the content of the tables meanwhile.

import assert from 'node:assert/strict';
import {
  dropReasonNames,
  type Flow,
  locationKind,
  type ProgramName,
} from '../../src/datapath/generated.ts';
import type { Address, AddressFamily } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import { routeKeyOf, type TestDatapath } from './datapath.ts';
import {
  type AddressByFamily,
  db,
  hostMac,
  hostSideMac,
  type Pod,
  places,
  strangerIfIndex,
  tunnelDevice,
  uplink,
  web,
} from './datapath-network.ts';
import { type Outcome, observe } from './datapath-outcome.ts';
import { ethernet, etherTypes, ip, udp } from './packets.ts';

/** A MAC that no interface has. */
export const anotherMac: Mac = parseMac('02:00:5e:10:00:66');
/** A pod in addition to web and db. */
export const third: Pick<Pod, 'id' | 'ifIndex'> = { id: 3, ifIndex: strangerIfIndex };

/** One packet's hook, sender and receiver. */
export interface Sending {
  readonly program: ProgramName;
  readonly ifIndex: IfIndex;
  readonly from: AddressByFamily;
  readonly to: AddressByFamily;
  readonly mac: Mac;
}

/** Every kind of way, from web or to db. */
export const toDb: Sending = {
  ...{ program: 'from_pod', ifIndex: web.ifIndex, from: web, to: db, mac: web.mac },
};
export const toNeighbour: Sending = { ...toDb, to: places.native };
export const toTunnel: Sending = { ...toDb, to: places.tunnelled };
export const toWorld: Sending = { ...toDb, to: places.world };
export const fromNeighbour: Sending = {
  ...{ program: 'from_network', ifIndex: uplink, from: places.native, to: db, mac: hostSideMac },
};
export const fromTunnel: Sending = {
  ...fromNeighbour,
  ...{ program: 'from_overlay', ifIndex: tunnelDevice, from: places.tunnelled },
};

/** The form of the packet. */
export interface Shape {
  readonly family: AddressFamily;
  /** Bytes of UDP payload. */
  readonly payload?: number;
  readonly gsoSize?: number;
  /** Exchanges the ports, as in an answer. */
  readonly back?: boolean;
}

/** Runs the program on one UDP packet. */
export function sendPacket(datapath: TestDatapath, sending: Sending, shape: Shape): Outcome {
  const { program, ifIndex, from, to, mac } = sending;
  const { family, payload = 8, back = false, gsoSize } = shape;
  const [sourcePort, destinationPort] = back ? [53, 40000] : [40000, 53];
  const packet = ethernet(
    {
      source: mac,
      destination: program === 'from_pod' ? hostSideMac : hostMac,
      type: family === 4 ? etherTypes.ipv4 : etherTypes.ipv6,
    },
    ip(
      { source: from[family], destination: to[family], protocol: protocols.udp },
      udp({ sourcePort, destinationPort }, new Uint8Array(payload)),
    ),
  );
  const options = { ifIndex, ...(gsoSize === undefined ? {} : { gsoSize, gsoSegments: 2 }) };
  return observe(datapath, program, packet, options).outcome;
}

/** The sending of the receiver's answer. */
export function answer(sending: Sending, sender: Pod): Sending {
  const { from, to } = sending;
  return { program: 'from_pod', ifIndex: sender.ifIndex, from: to, to: from, mac: sender.mac };
}

/** The outcome of a packet that is only counted. */
export function passed(verdict: string, counted: readonly string[]): Outcome {
  return { verdict, dropped: [], charged: [], counted, events: [] };
}

/** The part of an outcome that states the refusal. */
export function refusedFor(reason: number, verdict = 'drop'): Partial<Outcome> {
  return { verdict, dropped: [dropReasonNames[reason] ?? ''] };
}

/** The only entry of the flow table. */
export function onlyFlow(datapath: TestDatapath): Flow {
  const all = [...datapath.flows.entries()];
  assert.equal(all.length, 1);
  return all[0]?.[1] ?? assert.fail('no flow');
}

/** Deletes all flows. */
export function clearFlows(datapath: TestDatapath): void {
  datapath.flows.deleteBatch([...datapath.flows.entries()].map(([key]) => key));
}

/** Changes the location of an address of db. */
export function relocate(
  { addresses }: TestDatapath,
  address: Address,
  fields: { readonly ifindex?: number; readonly endpointId?: number; readonly queued?: number },
): void {
  const db_ = { kind: locationKind.endpoint, ifindex: db.ifIndex, endpointId: db.id, queued: 0 };
  addresses.set(address, { ...db_, ...fields });
}

/** Prefixes of the test network's remote pods. */
export const nativeRange = { 4: '198.51.100.0/25', 6: '2001:db8:2::/64' } as const;
export const tunnelRange = { 4: '198.51.100.128/26', 6: '2001:db8:3::/64' } as const;

/** Changes fields of a route. */
export function reroute({ routes }: TestDatapath, prefix: string, fields: object): void {
  const key = routeKeyOf(prefix);
  const route = routes.get(key) ?? assert.fail(prefix);
  routes.set(key, { ...route, ...fields });
}

/** Removes a route. */
export function dismiss({ routes }: TestDatapath, prefix: string): void {
  routes.delete(routeKeyOf(prefix));
}

/** The outcome of a packet of an established flow on these ways. */
export const webToDb: Outcome = passed('redirect', ['web egress', 'db ingress']);
export const webOut: Outcome = passed('redirect', ['web egress']);
export const intoDb: Outcome = passed('redirect', ['db ingress']);
export const upTheStack: Outcome = passed('pass', ['web egress']);
export const untouched: Outcome = passed('next', []);

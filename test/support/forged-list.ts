// Builds the list of forged packets, with the ways to send one: by a pod with and without NET_RAW, by an outside host,
// by another node, through its tunnel.

import type { LabMode } from '../../src/lab/record.ts';
import type { AddressFamily } from '../../src/net/address.ts';
import type { Mac } from '../../src/net/mac.ts';
import { type Ends, forgedDatagram, frame, priorityTagged, vxlan } from './forged-frames.ts';
import { type IpHeader, icmpError, icmpProtocol, joined } from './packets.ts';

export type PodOfTable = 'alice' | 'mallory' | 'bob' | 'dora';

export interface LabPlan {
  readonly mode: LabMode;
  /**
   * Address of a pod, node, `world`, `router-1` or `router-2`; `far`: an address of node-3's ranges; `nobody`: an
   * unused one of node-1's.
   */
  address(name: string, family: AddressFamily): string;
  /** MAC of eth0 of a pod or node; of `gateway` (the pods') and `switch` (as world sees it). */
  mac(name: string): Mac;
}

export type Fate =
  | { readonly kind: 'delivered'; readonly to: PodOfTable | 'world' }
  /** With a drop record of that pod, or of no pod if none can be named. */
  | { readonly kind: 'dropped'; readonly reason: string; readonly by?: 'mallory' }
  /** No pod receives it. */
  | { readonly kind: 'lost' };

export interface ForgedCase {
  readonly what: string;
  readonly sender: 'plain' | 'raw' | 'world' | 'node';
  /** Part of the payload, and the source port if the record shows one. */
  readonly marker: number;
  readonly hasPort: boolean;
  readonly fate: Fate;
  readonly frames: readonly Uint8Array[];
  /** For sender `plain`. */
  readonly plain?: {
    readonly address: string;
    readonly port: number;
    readonly payload: Uint8Array;
  };
}

export const vxlanPort = 4789;
export const vni = 1;
export const discardPort = 9;
/** Types of ICMPv6, including redirects. */
export const discoveryTypes = [133, 134, 135, 136, 137] as const;
const firstMarker = 20_000;

export const lost: Fate = { kind: 'lost' };
export const to = (pod: PodOfTable | 'world'): Fate => ({ kind: 'delivered', to: pod });
export const byMallory = (reason: string): Fate => ({ kind: 'dropped', reason, by: 'mallory' });
export const byNobody = (reason: string): Fate => ({ kind: 'dropped', reason });

export function markerText(marker: number): string {
  return `marker-${marker}-`;
}

export type ForgedBody = readonly [protocol: number, payload: Uint8Array];
export type Fields = Pick<ForgedCase, 'what' | 'sender' | 'fate'> & { readonly hasPort?: boolean };

export class CaseList {
  readonly cases: ForgedCase[] = [];
  readonly plan: LabPlan;

  constructor(plan: LabPlan) {
    this.plan = plan;
  }

  get isTunnelled(): boolean {
    return this.plan.mode === 'vxlan';
  }

  add(fields: Fields, make: (marker: number) => Pick<ForgedCase, 'frames' | 'plain'>): void {
    const marker = firstMarker + this.cases.length;
    this.cases.push({ hasPort: true, ...fields, marker, ...make(marker) });
  }

  sendPlain(
    fields: Fields,
    target: string,
    port: number,
    payload: (marker: number) => Uint8Array,
  ): void {
    this.add(fields, (marker) => ({
      frames: [],
      plain: { address: target, port, payload: payload(marker) },
    }));
  }

  /** Sent by a pod with NET_RAW. */
  sendRaw(
    fields: Omit<Fields, 'sender'>,
    ends: Partial<Ends> & Pick<Ends, 'source' | 'destination'>,
    body: (marker: number) => ForgedBody,
    header: Partial<IpHeader> = {},
  ): void {
    const macs = {
      sourceMac: this.plan.mac('mallory'),
      destinationMac: this.plan.mac('gateway'),
    };
    this.add({ ...fields, sender: 'raw' }, (marker) => ({
      frames: [frame({ ...macs, ...ends }, body(marker), header)],
    }));
  }

  sendFrom(
    sender: 'world' | 'node',
    fields: Omit<Fields, 'sender'>,
    { tags = [], ...ends }: Pick<Ends, 'source' | 'destination'> & { tags?: readonly number[] },
    body?: (marker: number) => ForgedBody,
  ): void {
    const macs =
      sender === 'world'
        ? { sourceMac: this.plan.mac('world'), destinationMac: this.plan.mac('switch') }
        : { sourceMac: this.plan.mac('node-2'), destinationMac: this.plan.mac('node-1') };
    this.add({ ...fields, sender }, (marker) => ({
      frames: [
        priorityTagged(
          frame({ ...macs, ...ends }, (body ?? ((n) => datagramOf(n, ends)))(marker)),
          tags,
        ),
      ],
    }));
  }

  tunnelled(
    fields: Omit<Fields, 'sender'>,
    inner: Pick<Ends, 'source' | 'destination'>,
    options: {
      id?: number;
      outer?: string;
      outerDestination?: string;
      body?: (marker: number) => ForgedBody;
    } = {},
  ): void {
    const { id = vni, outer = this.plan.address('node-2', 4) } = options;
    const body = options.body ?? ((marker: number) => datagramOf(marker, inner));
    const ends = {
      source: outer,
      destination: options.outerDestination ?? this.plan.address('node-1', 4),
    };
    this.sendFrom('node', fields, ends, (marker) =>
      forgedDatagram(ends, { from: 40_000, to: vxlanPort }, vxlan(id, frame(inner, body(marker)))),
    );
  }

  /** Sent by node-2 on the way of its pods' packets. */
  sendAsPod(
    fields: Omit<Fields, 'sender'>,
    ends: Pick<Ends, 'source' | 'destination'>,
    body: (marker: number) => ForgedBody,
  ): void {
    if (this.isTunnelled) this.tunnelled(fields, ends, { body });
    else this.sendFrom('node', fields, ends, body);
  }
}

/** Inner frames, with their VNI. */
export function innerFrames({
  address,
}: LabPlan): readonly (readonly [string, (marker: number) => Uint8Array, number])[] {
  const inner =
    (source: string, destination: string) =>
    (marker: number): Uint8Array =>
      frame({ source, destination }, datagramOf(marker, { source, destination }));
  const four = (name: string): string => address(name, 4);
  return [
    ['bob to alice', inner(four('bob'), four('alice')), vni],
    ['bob to alice, IPv6', inner(address('bob', 6), address('alice', 6)), vni],
    ['alice to bob', inner(four('alice'), four('bob')), vni],
    ['the world to alice', inner('8.8.8.8', four('alice')), vni],
    ['the node to alice', inner(four('node-1'), four('alice')), vni],
    ['bob to the node', inner(four('bob'), four('node-1')), vni],
    ['bob to alice, VNI 77', inner(four('bob'), four('alice')), 77],
  ];
}

export function datagramOf(marker: number, ends: Pick<Ends, 'source' | 'destination'>): ForgedBody {
  return forgedDatagram(ends, { from: marker, to: discardPort }, textOf(marker));
}

/** An error of the given type about a datagram. */
export function forgedErrorAbout(
  family: AddressFamily,
  type: number,
  ends: Pick<Ends, 'source' | 'destination'>,
): (marker: number) => ForgedBody {
  return (marker) => {
    const quoted = frame(ends, datagramOf(marker, ends)).subarray(14);
    return [icmpProtocol(family), icmpError(type, quoted)];
  };
}

/** A message of router or neighbour discovery. */
export function discoveryMessage(type: number): ForgedBody {
  return [icmpProtocol(6), joined([type, 0], new Uint8Array(30))];
}

export function textOf(marker: number): Uint8Array {
  return Buffer.from(markerText(marker));
}

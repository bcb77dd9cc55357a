// The table of packets that nobody may send, and of honest ones beside them: who sends what, and what becomes of it. The lab has
// alice and mallory on node-1 and bob on node-2.

import type { AddressFamily } from '../../src/net/address.ts';
import type { Mac } from '../../src/net/mac.ts';
import { datagram, type Ends, frame, vxlan } from './forged-frames.ts';
import {
  extension,
  fragment,
  type IpHeader,
  icmpError,
  icmpProtocol,
  joined,
  nextHeaders,
} from './packets.ts';

export type LabMode = 'native' | 'vxlan';
export type PodOfTable = 'alice' | 'mallory' | 'bob';

export interface LabPlan {
  readonly mode: LabMode;
  /** By pod, node, `world`, `router-1`, `router-2`. */
  address(name: string, family: AddressFamily): string;
  /** Of eth0 of a pod or node; of `gateway` (pods') and `switch` (as world sees it). */
  mac(name: string): Mac;
}

export type Fate =
  | { readonly kind: 'delivered'; readonly to: PodOfTable | 'world' }
  /** With a drop record of that pod, or of nobody that can be named. */
  | { readonly kind: 'dropped'; readonly reason: string; readonly by?: 'mallory' }
  /** No pod gets it. */
  | { readonly kind: 'lost' };

export interface Case {
  readonly what: string;
  readonly sender: 'plain' | 'raw' | 'world' | 'node';
  /** Stands in the payload, and is the source port where there is one that the record shows. */
  readonly marker: number;
  readonly hasPort: boolean;
  readonly fate: Fate;
  readonly frames: readonly Uint8Array[];
  /** Of sender `plain`. */
  readonly plain?: {
    readonly address: string;
    readonly port: number;
    readonly payload: Uint8Array;
  };
}

export const tunnelPort = 4789;
const vni = 1;
const discard = 9;
const firstMarker = 20_000;
const families = [4, 6] as const;

const lost: Fate = { kind: 'lost' };
const to = (pod: PodOfTable | 'world'): Fate => ({ kind: 'delivered', to: pod });
const byMallory = (reason: string): Fate => ({ kind: 'dropped', reason, by: 'mallory' });
const byNobody = (reason: string): Fate => ({ kind: 'dropped', reason });

export function markerText(marker: number): string {
  return `marker-${marker}-`;
}

type Body = readonly [protocol: number, payload: Uint8Array];
type Fields = Pick<Case, 'what' | 'sender' | 'fate'> & { readonly hasPort?: boolean };

export class CaseTable {
  readonly cases: Case[] = [];
  readonly #plan: LabPlan;

  constructor(plan: LabPlan) {
    this.#plan = plan;
    for (const family of families) {
      this.#plain(family);
      this.#raw(family);
      this.#errors(family);
      this.#world(family);
      this.#node(family);
    }
    if (plan.mode === 'vxlan') this.#tunnel();
    this.#martians();
    this.#routes();
  }

  get #isTunnelled(): boolean {
    return this.#plan.mode === 'vxlan';
  }

  #add(fields: Fields, make: (marker: number) => Pick<Case, 'frames' | 'plain'>): void {
    const marker = firstMarker + this.cases.length;
    this.cases.push({ hasPort: true, ...fields, marker, ...make(marker) });
  }

  // --- a pod without any capability: whatever is in its datagrams ---

  #plain(family: AddressFamily): void {
    const { address } = this.#plan;
    const at = (name: string): string => address(name, family);
    for (const target of ['node-1', 'node-2', 'router-1']) {
      for (const [what, inner, id] of this.#inners()) {
        const fields: Fields = {
          what: `${what} inside VXLAN to ${target}, IPv${family}`,
          ...{ sender: 'plain', fate: this.#isTunnelled ? byMallory('tunnel port') : lost },
        };
        this.#sendPlain(fields, at(target), tunnelPort, (marker) => vxlan(id, inner(marker)));
      }
    }
    const payload = (marker: number): Uint8Array => textOf(marker);
    for (const pod of ['alice', 'bob'] as const) {
      for (const port of [discard, tunnelPort]) {
        const fields: Fields = { what: `honest to ${pod}:${port}`, sender: 'plain', fate: to(pod) };
        this.#sendPlain(fields, at(pod), port, payload);
      }
    }
    const toWorld: Fields = {
      what: 'honest VXLAN to the world',
      sender: 'plain',
      fate: to('world'),
    };
    this.#sendPlain(toWorld, at('world'), tunnelPort, payload);
  }

  #sendPlain(
    fields: Fields,
    target: string,
    port: number,
    payload: (marker: number) => Uint8Array,
  ): void {
    this.#add(fields, (marker) => ({
      frames: [],
      plain: { address: target, port, payload: payload(marker) },
    }));
  }

  /** Inner frames, with their VNI. */
  #inners(): readonly (readonly [string, (marker: number) => Uint8Array, number])[] {
    const inner =
      (source: string, destination: string) =>
      (marker: number): Uint8Array =>
        frame({ source, destination }, datagramOf(marker, { source, destination }));
    const { address } = this.#plan;
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

  // --- a pod with NET_RAW ---

  #sendRaw(
    fields: Omit<Fields, 'sender'>,
    ends: Partial<Ends> & Pick<Ends, 'source' | 'destination'>,
    body: (marker: number) => Body,
    header: Partial<IpHeader> = {},
  ): void {
    const macs = {
      sourceMac: this.#plan.mac('mallory'),
      destinationMac: this.#plan.mac('gateway'),
    };
    this.#add({ ...fields, sender: 'raw' }, (marker) => ({
      frames: [frame({ ...macs, ...ends }, body(marker), header)],
    }));
  }

  #raw(family: AddressFamily): void {
    const at = (name: string): string => this.#plan.address(name, family);
    const odd = {
      4: ['0.0.0.0', '127.0.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
      6: ['::', '::1', 'fe80::1', 'ff02::1'],
    };
    const sources = ['alice', 'bob', 'node-1', 'node-2', 'router-1', 'world'].map(at);
    for (const source of [...sources, ...odd[family]]) {
      for (const target of ['alice', 'bob']) {
        const ends = { source, destination: at(target) };
        const fields = { what: `${source} to ${target}`, fate: byMallory('spoofed address') };
        this.#sendRaw(fields, ends, (marker) => datagramOf(marker, ends));
      }
    }
    const own = { source: at('mallory'), destination: at('alice') };
    const plain = (marker: number): Body => datagramOf(marker, own);
    this.#sendRaw({ what: 'honest to alice', fate: to('alice') }, own, plain);
    this.#sendRaw(
      { what: "alice's MAC", fate: byMallory('spoofed mac') },
      { ...own, sourceMac: this.#plan.mac('alice') },
      plain,
    );
    if (family === 6) this.#discovery(own.source);
  }

  #discovery(source: string): void {
    for (const type of [133, 134, 135, 136, 137]) {
      for (const target of ['alice', 'bob', 'node-1']) {
        const fields = {
          ...{ what: `ICMPv6 type ${type} to ${target}`, fate: byMallory('neighbour discovery') },
          hasPort: false,
        };
        const ends = { source, destination: this.#plan.address(target, 6) };
        this.#sendRaw(fields, ends, () => [58, joined([type, 0], new Uint8Array(30))]);
      }
    }
  }

  #errors(family: AddressFamily): void {
    const at = (name: string): string => this.#plan.address(name, family);
    const types = { 4: [3, 5, 11], 6: [1, 2, 3] }[family];
    const about =
      (from: string, destination: string, type: number) =>
      (marker: number): Body => {
        const ends = { source: from, destination };
        const [protocol, payload] = datagramOf(marker, ends);
        const quoted = frame(ends, [protocol, payload]).subarray(14);
        return [icmpProtocol(family), icmpError(type, quoted)];
      };
    for (const type of types) {
      for (const [target, from, destination] of [
        ['node-1', 'node-1', 'node-2'],
        ['alice', 'alice', 'bob'],
        ['bob', 'bob', 'alice'],
        ['node-1', 'node-2', 'mallory'],
      ] as const) {
        const what = `type ${type} to ${target} about ${from} to ${destination}`;
        const fields = { what, fate: byMallory('forged error'), hasPort: false };
        const ends = { source: at('mallory'), destination: at(target) };
        this.#sendRaw(fields, ends, about(at(from), at(destination), type));
      }
    }
    const ends = { source: at('mallory'), destination: at('alice') };
    this.#sendRaw(
      { what: 'honest error to alice', fate: to('alice') },
      ends,
      about(at('alice'), at('mallory'), types[0] ?? 0),
    );
  }

  #martians(): void {
    const own = (family: AddressFamily): string => this.#plan.address('mallory', family);
    const { alice, mallory } = {
      alice: this.#plan.address('alice', 4),
      mallory: this.#plan.address('mallory', 4),
    };
    for (const [source, destination, reason] of [
      [own(4), '127.0.0.1', 'martian'],
      [own(4), '127.9.9.9', 'martian'],
      [own(4), '0.0.0.0', 'martian'],
      [own(6), '::1', 'martian'],
      [own(6), '::', 'martian'],
      [own(6), `::ffff:${alice}`, 'malformed'],
      [own(6), `::${alice}`, 'malformed'],
      [`::ffff:${mallory}`, `::ffff:${alice}`, 'malformed'],
      [`::${mallory}`, `::${alice}`, 'malformed'],
    ] as const) {
      const fields = {
        ...{ what: `${source} to ${destination}`, fate: byMallory(reason) },
        hasPort: reason === 'martian',
      };
      this.#sendRaw(fields, { source, destination }, (marker) =>
        datagramOf(marker, { source, destination }),
      );
    }
  }

  #routes(): void {
    const ends = (family: AddressFamily) => ({
      source: this.#plan.address('mallory', family),
      destination: this.#plan.address('alice', family),
    });
    const fields = { fate: byMallory('source route'), hasPort: false };
    for (const kind of [0x83, 0x89]) {
      const options = Uint8Array.from([kind, 7, 4, 127, 0, 0, 1, 0]);
      const what = `IPv4 option ${kind}`;
      this.#sendRaw({ ...fields, what }, ends(4), (marker) => datagramOf(marker, ends(4)), {
        options,
      });
    }
    for (const kind of [0, 2, 4]) {
      this.#sendRaw({ ...fields, what: `IPv6 routing header ${kind}` }, ends(6), (marker) => {
        const [next, payload] = datagramOf(marker, ends(6));
        const routing = extension({ kind: nextHeaders.routing, next, length: 24 }, payload);
        routing.set([kind, 1], 2);
        return [nextHeaders.routing, routing];
      });
    }
  }

  // --- a host outside ---

  #sendFrom(
    sender: 'world' | 'node',
    fields: Omit<Fields, 'sender'>,
    ends: Pick<Ends, 'source' | 'destination'>,
    body?: (marker: number) => Body,
  ): void {
    const macs =
      sender === 'world'
        ? { sourceMac: this.#plan.mac('world'), destinationMac: this.#plan.mac('switch') }
        : { sourceMac: this.#plan.mac('node-2'), destinationMac: this.#plan.mac('node-1') };
    this.#add({ ...fields, sender }, (marker) => ({
      frames: [frame({ ...macs, ...ends }, (body ?? ((n) => datagramOf(n, ends)))(marker))],
    }));
  }

  #world(family: AddressFamily): void {
    const at = (name: string): string => this.#plan.address(name, family);
    const destination = at('alice');
    const honest = { what: 'honest to alice', fate: to('alice') };
    this.#sendFrom('world', honest, { source: at('world'), destination });
    for (const source of ['mallory', 'alice', 'router-1', 'node-1']) {
      const fields = { what: `as ${source}, IPv${family}`, fate: byNobody('spoofed outside') };
      this.#sendFrom('world', fields, { source: at(source), destination });
    }
    if (this.#isTunnelled) {
      const fields = { what: `as bob, IPv${family}`, fate: byNobody('spoofed outside') };
      this.#sendFrom('world', fields, { source: at('bob'), destination });
    }
    for (const [what, inner, id] of this.#inners()) {
      const ends = { source: at('world'), destination: at('node-1') };
      this.#sendFrom('world', { what: `${what} inside VXLAN`, fate: lost }, ends, (marker) =>
        datagram(ends, { from: marker, to: tunnelPort }, vxlan(id, inner(marker))),
      );
    }
  }

  // --- another node ---

  #node(family: AddressFamily): void {
    const at = (name: string): string => this.#plan.address(name, family);
    const destination = at('alice');
    for (const source of ['mallory', 'alice', 'router-1', 'node-1']) {
      const fields = { what: `as ${source}, IPv${family}`, fate: byNobody('spoofed outside') };
      this.#sendFrom('node', fields, { source: at(source), destination });
    }
    const bare = { what: `bob beside the tunnel, IPv${family}`, fate: byNobody('spoofed outside') };
    const native = { what: `honest, bob to alice, IPv${family}`, fate: to('alice') };
    this.#sendFrom('node', this.#isTunnelled ? bare : native, { source: at('bob'), destination });
    this.#sendFrom(
      'node',
      { what: 'honest, the node to alice', fate: to('alice') },
      { source: at('node-2'), destination },
    );
  }

  #tunnel(): void {
    for (const family of families) {
      const at = (name: string): string => this.#plan.address(name, family);
      const destination = at('alice');
      for (const [source, fate] of [
        ['bob', to('alice')],
        ['router-2', to('alice')],
        ['node-2', to('alice')],
        ['alice', byNobody('spoofed tunnel')],
        ['mallory', byNobody('spoofed tunnel')],
        ['router-1', byNobody('spoofed tunnel')],
        ['node-1', byNobody('spoofed tunnel')],
        ['world', byNobody('spoofed tunnel')],
      ] as const) {
        this.#tunnelled(
          { what: `${source} to alice in the tunnel, IPv${family}`, fate },
          {
            source: at(source),
            destination,
          },
        );
      }
      const forged = { source: at('world'), destination: at('node-1') };
      this.#tunnelled(
        { what: 'the world to the node in the tunnel', fate: byNobody('spoofed tunnel') },
        forged,
      );
      const honest = { source: at('bob'), destination };
      this.#tunnelled({ what: 'bob in VNI 77', fate: byNobody('spoofed tunnel') }, honest, {
        id: 77,
      });
      this.#tunnelled({ what: 'bob from a stranger', fate: lost }, honest, {
        outer: '10.200.0.99',
      });
      this.#tunnelled({ what: 'bob to the router', fate: lost }, honest, {
        outerDestination: this.#plan.address('router-1', 4),
      });
      const pieces: Fields = {
        ...{ what: `the world to alice in fragments of the tunnel, IPv${family}`, sender: 'node' },
        fate: byNobody('spoofed tunnel'),
      };
      this.#add(pieces, (marker) => ({
        frames: this.#fragments(marker, { source: at('world'), destination }),
      }));
      this.#fragmentsOfPod(family);
    }
  }

  #tunnelled(
    fields: Omit<Fields, 'sender'>,
    inner: Pick<Ends, 'source' | 'destination'>,
    options: { id?: number; outer?: string; outerDestination?: string } = {},
  ): void {
    const { id = vni, outer = this.#plan.address('node-2', 4) } = options;
    const ends = {
      source: outer,
      destination: options.outerDestination ?? this.#plan.address('node-1', 4),
    };
    this.#sendFrom('node', fields, ends, (marker) =>
      datagram(
        ends,
        { from: 40_000, to: tunnelPort },
        vxlan(id, frame(inner, datagramOf(marker, inner))),
      ),
    );
  }

  #fragments(marker: number, inner: Pick<Ends, 'source' | 'destination'>): readonly Uint8Array[] {
    const ends = {
      ...{ source: this.#plan.address('node-2', 4), destination: this.#plan.address('node-1', 4) },
      ...{ sourceMac: this.#plan.mac('node-2'), destinationMac: this.#plan.mac('node-1') },
    };
    const [protocol, whole] = datagram(
      ends,
      { from: 40_000, to: tunnelPort },
      vxlan(vni, frame(inner, datagramOf(marker, inner))),
    );
    return [
      frame(ends, [protocol, whole.subarray(0, 48)], { moreFragments: true }),
      frame(ends, [protocol, whole.subarray(48)], { fragmentOffset: 48 }),
    ];
  }

  /** Only the first has the port; the rest goes on, and nothing comes of it. */
  #fragmentsOfPod(family: AddressFamily): void {
    const macs = {
      sourceMac: this.#plan.mac('mallory'),
      destinationMac: this.#plan.mac('gateway'),
    };
    const at = (name: string): string => this.#plan.address(name, family);
    const inner = {
      source: this.#plan.address('bob', 4),
      destination: this.#plan.address('alice', 4),
    };
    for (const target of ['node-1', 'node-2']) {
      const ends = { ...macs, source: at('mallory'), destination: at(target) };
      const fields: Fields = {
        ...{ what: `VXLAN in fragments to ${target}, IPv${family}`, sender: 'raw' },
        fate: byMallory('tunnel port'),
      };
      this.#add(fields, (marker) => {
        const content = vxlan(vni, frame(inner, datagramOf(marker, inner)));
        const [protocol, whole] = datagram(ends, { from: marker, to: tunnelPort }, content);
        return { frames: fragmentFrames(family, ends, [protocol, whole]) };
      });
    }
  }
}

function fragmentFrames(
  family: AddressFamily,
  ends: Ends,
  [next, whole]: Body,
): readonly Uint8Array[] {
  const [head, tail] = [whole.subarray(0, 48), whole.subarray(48)];
  if (family === 4) {
    return [
      frame(ends, [next, head], { moreFragments: true }),
      frame(ends, [next, tail], { fragmentOffset: 48 }),
    ];
  }
  return [
    frame(ends, [nextHeaders.fragment, fragment({ next, offset: 0, more: true }, head)]),
    frame(ends, [nextHeaders.fragment, fragment({ next, offset: 48 }, tail)]),
  ];
}

function datagramOf(marker: number, ends: Pick<Ends, 'source' | 'destination'>): Body {
  return datagram(ends, { from: marker, to: discard }, textOf(marker));
}

function textOf(marker: number): Uint8Array {
  return Buffer.from(markerText(marker));
}

// Packets that a pod sends without any capability, and with NET_RAW.

import type { AddressFamily } from '../../src/net/address.ts';
import { type Ends, forgedDatagram, frame, vxlan } from './forged-frames.ts';
import {
  byMallory,
  type CaseList,
  datagramOf,
  discardPort,
  discoveryMessage,
  discoveryTypes,
  type Fields,
  type ForgedBody,
  forgedErrorAbout,
  innerFrames,
  lost,
  textOf,
  to,
  vni,
  vxlanPort,
} from './forged-list.ts';
import { extension, fragment, nextHeaders } from './packets.ts';

/** Sent by a pod without any capability, with any content of its datagrams. */
export function sendWithoutRights(list: CaseList, family: AddressFamily): void {
  const { address } = list.plan;
  const at = (name: string): string => address(name, family);
  for (const target of ['node-1', 'node-2', 'router-1']) {
    for (const [what, inner, id] of innerFrames(list.plan)) {
      const fields: Fields = {
        what: `${what} inside VXLAN to ${target}, IPv${family}`,
        ...{ sender: 'plain', fate: list.isTunnelled ? byMallory('tunnel port') : lost },
      };
      list.sendPlain(fields, at(target), vxlanPort, (marker) => vxlan(id, inner(marker)));
    }
  }
  const payload = (marker: number): Uint8Array => textOf(marker);
  for (const pod of ['alice', 'bob'] as const) {
    for (const port of [discardPort, vxlanPort]) {
      const fields: Fields = { what: `honest to ${pod}:${port}`, sender: 'plain', fate: to(pod) };
      list.sendPlain(fields, at(pod), port, payload);
    }
  }
  const toWorld: Fields = {
    what: 'honest VXLAN to the world',
    sender: 'plain',
    fate: to('world'),
  };
  list.sendPlain(toWorld, at('world'), vxlanPort, payload);
}

/** Sent by a pod with NET_RAW. */
export function spoof(list: CaseList, family: AddressFamily): void {
  const at = (name: string): string => list.plan.address(name, family);
  const odd = {
    4: ['0.0.0.0', '127.0.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    6: ['::', '::1', 'fe80::1', 'ff02::1'],
  };
  const sources = ['alice', 'bob', 'node-1', 'node-2', 'router-1', 'world'].map(at);
  for (const source of [...sources, ...odd[family]]) {
    for (const target of ['alice', 'bob']) {
      const ends = { source, destination: at(target) };
      const fields = { what: `${source} to ${target}`, fate: byMallory('spoofed address') };
      list.sendRaw(fields, ends, (marker) => datagramOf(marker, ends));
    }
  }
  const own = { source: at('mallory'), destination: at('alice') };
  const plain = (marker: number): ForgedBody => datagramOf(marker, own);
  list.sendRaw({ what: 'honest to alice', fate: to('alice') }, own, plain);
  list.sendRaw(
    { what: "alice's MAC", fate: byMallory('spoofed mac') },
    { ...own, sourceMac: list.plan.mac('alice') },
    plain,
  );
  if (family === 6) speakAsNeighbour(list, own.source);
}

function speakAsNeighbour(list: CaseList, source: string): void {
  for (const type of discoveryTypes) {
    for (const target of ['alice', 'bob', 'node-1']) {
      const fields = {
        ...{ what: `ICMPv6 type ${type} to ${target}`, fate: byMallory('neighbour discovery') },
        hasPort: false,
      };
      const ends = { source, destination: list.plan.address(target, 6) };
      list.sendRaw(fields, ends, () => discoveryMessage(type));
    }
  }
}

export function forgeErrors(list: CaseList, family: AddressFamily): void {
  const at = (name: string): string => list.plan.address(name, family);
  const types = { 4: [3, 5, 11], 6: [1, 2, 3] }[family];
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
      const about = { source: at(from), destination: at(destination) };
      list.sendRaw(fields, ends, forgedErrorAbout(family, type, about));
    }
  }
  const ends = { source: at('mallory'), destination: at('alice') };
  list.sendRaw(
    { what: 'honest error to alice', fate: to('alice') },
    ends,
    forgedErrorAbout(family, types[0] ?? 0, { source: at('alice'), destination: at('mallory') }),
  );
}

export function sendMartians(list: CaseList): void {
  const own = (family: AddressFamily): string => list.plan.address('mallory', family);
  const { alice, mallory } = {
    alice: list.plan.address('alice', 4),
    mallory: list.plan.address('mallory', 4),
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
    list.sendRaw(fields, { source, destination }, (marker) =>
      datagramOf(marker, { source, destination }),
    );
  }
}

export function sendSourceRoutes(list: CaseList): void {
  const ends = (family: AddressFamily) => ({
    source: list.plan.address('mallory', family),
    destination: list.plan.address('alice', family),
  });
  const fields = { fate: byMallory('source route'), hasPort: false };
  for (const kind of [0x83, 0x89]) {
    const options = Uint8Array.from([kind, 7, 4, 127, 0, 0, 1, 0]);
    const what = `IPv4 option ${kind}`;
    list.sendRaw({ ...fields, what }, ends(4), (marker) => datagramOf(marker, ends(4)), {
      options,
    });
  }
  for (const kind of [0, 2, 4]) {
    list.sendRaw({ ...fields, what: `IPv6 routing header ${kind}` }, ends(6), (marker) => {
      const [next, payload] = datagramOf(marker, ends(6));
      const routing = extension({ kind: nextHeaders.routing, next, length: 24 }, payload);
      routing.set([kind, 1], 2);
      return [nextHeaders.routing, routing];
    });
  }
}

/** Only the first fragment has the port; the others are forwarded without effect. */
export function fragmentTunnelPackets(list: CaseList, family: AddressFamily): void {
  const macs = {
    sourceMac: list.plan.mac('mallory'),
    destinationMac: list.plan.mac('gateway'),
  };
  const at = (name: string): string => list.plan.address(name, family);
  const inner = {
    source: list.plan.address('bob', 4),
    destination: list.plan.address('alice', 4),
  };
  for (const target of ['node-1', 'node-2']) {
    const ends = { ...macs, source: at('mallory'), destination: at(target) };
    const fields: Fields = {
      ...{ what: `VXLAN in fragments to ${target}, IPv${family}`, sender: 'raw' },
      fate: byMallory('tunnel port'),
    };
    list.add(fields, (marker) => {
      const content = vxlan(vni, frame(inner, datagramOf(marker, inner)));
      const [protocol, whole] = forgedDatagram(ends, { from: marker, to: vxlanPort }, content);
      return { frames: fragmentFrames(family, ends, [protocol, whole]) };
    });
  }
}

function fragmentFrames(
  family: AddressFamily,
  ends: Ends,
  [next, whole]: ForgedBody,
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

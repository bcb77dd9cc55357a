// Packets from an outside host, and from another node past its tunnel and through it.

import type { AddressFamily } from '../../src/net/address.ts';
import { type Ends, forgedDatagram, frame, vxlan } from './forged-frames.ts';
import {
  byNobody,
  type CaseList,
  datagramOf,
  type Fields,
  type ForgedBody,
  forgedErrorAbout,
  innerFrames,
  lost,
  to,
  vni,
  vxlanPort,
} from './forged-list.ts';
import { extension, families, nextHeaders } from './packets.ts';

export function sendFromWorld(list: CaseList, family: AddressFamily): void {
  const at = (name: string): string => list.plan.address(name, family);
  const destination = at('alice');
  const honest = { what: 'honest to alice', fate: to('alice') };
  list.sendFrom('world', honest, { source: at('world'), destination });
  for (const source of ['mallory', 'alice', 'router-1', 'node-1']) {
    const fields = { what: `as ${source}, IPv${family}`, fate: byNobody('spoofed outside') };
    list.sendFrom('world', fields, { source: at(source), destination });
  }
  if (list.isTunnelled) {
    const fields = { what: `as bob, IPv${family}`, fate: byNobody('spoofed outside') };
    list.sendFrom('world', fields, { source: at('bob'), destination });
  }
  for (const [what, inner, id] of innerFrames(list.plan)) {
    const ends = { source: at('world'), destination: at('node-1') };
    list.sendFrom('world', { what: `${what} inside VXLAN`, fate: lost }, ends, (marker) =>
      forgedDatagram(ends, { from: marker, to: vxlanPort }, vxlan(id, inner(marker))),
    );
  }
}

export function sendFromNode(list: CaseList, family: AddressFamily): void {
  const at = (name: string): string => list.plan.address(name, family);
  const destination = at('alice');
  for (const source of ['mallory', 'alice', 'router-1', 'node-1']) {
    const fields = { what: `as ${source}, IPv${family}`, fate: byNobody('spoofed outside') };
    list.sendFrom('node', fields, { source: at(source), destination });
  }
  for (const source of ['mallory', 'alice', 'nobody', 'router-1', 'node-1']) {
    for (const onwards of ['dora', 'world']) {
      const what = `as ${source} to ${onwards}, IPv${family}`;
      const fields = { what, fate: byNobody('spoofed outside'), hasPort: false };
      list.sendFrom('node', fields, { source: at(source), destination: at(onwards) });
    }
  }
  const bare = { what: `bob beside the tunnel, IPv${family}`, fate: byNobody('spoofed outside') };
  const native = { what: `honest, bob to alice, IPv${family}`, fate: to('alice') };
  list.sendFrom('node', list.isTunnelled ? bare : native, { source: at('bob'), destination });
  list.sendFrom(
    'node',
    { what: 'honest, the node to alice', fate: to('alice') },
    { source: at('node-2'), destination },
  );
}

/**
 * Sent with a pod's source to the world, with content that the program does not read to its end: the stack would
 * forward it.
 */
export function sendUnread(list: CaseList): void {
  const ends = {
    source: list.plan.address('mallory', 6),
    destination: list.plan.address('world', 6),
  };
  const headers = (count: number, marker: number): ForgedBody =>
    Array.from({ length: count }).reduce<ForgedBody>(
      ([next, payload]) => [
        nextHeaders.destinationOptions,
        extension({ kind: nextHeaders.destinationOptions, next }, payload),
      ],
      datagramOf(marker, ends),
    );
  for (const count of [6, 7, 9]) {
    list.sendFrom(
      'node',
      {
        what: `as mallory to world behind ${count} extension headers`,
        fate: byNobody('spoofed outside'),
        hasPort: false,
      },
      ends,
      (marker) => headers(count, marker),
    );
  }
}

/** Tags of VLAN 0 are no VLAN tags, and the programs read behind them; the stack would remove any number of them. */
export function sendWithPriority(list: CaseList, family: AddressFamily): void {
  const at = (name: string): string => list.plan.address(name, family);
  const destination = at('alice');
  for (const tags of [[0x8100], [0x8100, 0x8100], [0x88a8, 0x8100, 0x8100, 0x8100], [0x88a8]]) {
    const what = `tags ${tags.map((type) => type.toString(16)).join()}, IPv${family}`;
    const asMallory = { what: `as mallory, ${what}`, fate: byNobody('spoofed outside') };
    list.sendFrom('node', asMallory, { source: at('mallory'), destination, tags });
    const fate = list.isTunnelled ? byNobody('spoofed outside') : to('alice');
    list.sendFrom(
      'node',
      { what: `as bob, ${what}`, fate },
      { source: at('bob'), destination, tags },
    );
    list.sendFrom(
      'node',
      { what: `as mallory to world, ${what}`, fate: byNobody('spoofed outside'), hasPort: false },
      { source: at('mallory'), destination: at('world'), tags },
    );
    if (list.isTunnelled) continue;
    const about = { source: destination, destination: at('far') };
    list.sendFrom(
      'node',
      { what: `bob about far, ${what}`, fate: byNobody('forged error'), hasPort: false },
      { source: at('bob'), destination, tags },
      forgedErrorAbout(family, family === 4 ? 3 : 1, about),
    );
  }
  const tags = Array.from({ length: 5 }, () => 0x8100);
  for (const onwards of ['alice', 'world']) {
    const what = `as mallory to ${onwards} with five tags, IPv${family}`;
    const ends = { source: at('mallory'), destination: at(onwards) };
    list.sendFrom('node', { what, fate: lost }, { ...ends, tags });
  }
}

export function sendThroughTunnel(list: CaseList): void {
  for (const family of families) {
    const at = (name: string): string => list.plan.address(name, family);
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
      list.tunnelled(
        { what: `${source} to alice in the tunnel, IPv${family}`, fate },
        {
          source: at(source),
          destination,
        },
      );
    }
    const forged = { source: at('world'), destination: at('node-1') };
    list.tunnelled(
      { what: 'the world to the node in the tunnel', fate: byNobody('spoofed tunnel') },
      forged,
    );
    const honest = { source: at('bob'), destination };
    list.tunnelled({ what: 'bob in VNI 77', fate: byNobody('spoofed tunnel') }, honest, {
      id: 77,
    });
    list.tunnelled({ what: 'bob from a stranger', fate: lost }, honest, {
      outer: '10.200.0.99',
    });
    list.tunnelled({ what: 'bob to the router', fate: lost }, honest, {
      outerDestination: list.plan.address('router-1', 4),
    });
    const pieces: Fields = {
      ...{ what: `the world to alice in fragments of the tunnel, IPv${family}`, sender: 'node' },
      fate: byNobody('spoofed tunnel'),
    };
    list.add(pieces, (marker) => ({
      frames: fragmentsOfTunnel(list, marker, { source: at('world'), destination }),
    }));
  }
}

function fragmentsOfTunnel(
  list: CaseList,
  marker: number,
  inner: Pick<Ends, 'source' | 'destination'>,
): readonly Uint8Array[] {
  const ends = {
    ...{ source: list.plan.address('node-2', 4), destination: list.plan.address('node-1', 4) },
    ...{ sourceMac: list.plan.mac('node-2'), destinationMac: list.plan.mac('node-1') },
  };
  const [protocol, whole] = forgedDatagram(
    ends,
    { from: 40_000, to: vxlanPort },
    vxlan(vni, frame(inner, datagramOf(marker, inner))),
  );
  return [
    frame(ends, [protocol, whole.subarray(0, 48)], { moreFragments: true }),
    frame(ends, [protocol, whole.subarray(48)], { fragmentOffset: 48 }),
  ];
}

// ICMP that another node sends to alice: about its own part of her traffic, and messages in the name of others.

import type { AddressFamily } from '../../src/net/address.ts';
import {
  byNobody,
  type CaseList,
  discoveryMessage,
  discoveryTypes,
  forgedErrorAbout,
  to,
} from './forged-list.ts';
import { icmpError, icmpProtocol } from './packets.ts';

const errorTypes = { 4: [3, 5, 11, 12], 6: [1, 2, 3] } as const;
const forged = { fate: byNobody('forged error'), hasPort: false };
const honest = { fate: to('alice'), hasPort: false };

export function forgeErrorsOfNode(list: CaseList, family: AddressFamily): void {
  const at = (name: string): string => list.plan.address(name, family);
  const fromBob = { source: at('bob'), destination: at('alice') };
  for (const type of errorTypes[family]) {
    for (const [from, destination] of [
      ['alice', 'far'],
      ['alice', 'node-3'],
      ['alice', 'mallory'],
      ['alice', 'node-1'],
      ['alice', 'world'],
      ['mallory', 'bob'],
      ['bob', 'alice'],
    ] as const) {
      const what = `bob: type ${type} about ${from} to ${destination}`;
      const about = { source: at(from), destination: at(destination) };
      list.sendAsPod({ ...forged, what }, fromBob, forgedErrorAbout(family, type, about));
    }
  }
  const [type] = errorTypes[family];
  const empty = icmpError(type, new Uint8Array());
  list.sendAsPod({ ...forged, what: `bob: an IPv${family} error about nothing` }, fromBob, () => [
    icmpProtocol(family),
    empty,
  ]);
  for (const [source, destination] of [
    ['bob', 'bob'],
    ['bob', 'node-2'],
    ['router-2', 'bob'],
  ] as const) {
    const about = { source: at('alice'), destination: at(destination) };
    list.sendAsPod(
      { ...honest, what: `honest, ${source} about alice to ${destination}, IPv${family}` },
      { source: at(source), destination: at('alice') },
      forgedErrorAbout(family, type, about),
    );
  }
}

/**
 * Sent with node-2's own address, which mode native cannot distinguish from a router's, and with an address that no
 * node has.
 */
export function forgeErrorsAsNode(list: CaseList, family: AddressFamily): void {
  const at = (name: string): string => list.plan.address(name, family);
  const ends = { source: at('node-2'), destination: at('alice') };
  const [type] = errorTypes[family];
  for (const [destination, fields] of [
    ['far', list.isTunnelled ? forged : honest],
    ['bob', honest],
  ] as const) {
    const about = { source: at('alice'), destination: at(destination) };
    const what = `node-2 about alice to ${destination}, IPv${family}`;
    const beside = list.isTunnelled ? forged : honest;
    list.sendFrom('node', { ...beside, what }, ends, forgedErrorAbout(family, type, about));
    if (!list.isTunnelled) continue;
    const inside = { ...fields, what: `${what}, in the tunnel` };
    list.tunnelled(inside, ends, { body: forgedErrorAbout(family, type, about) });
  }
  const router = { source: at('world'), destination: at('alice') };
  for (const [destination, isSeen] of [
    ['far', !list.isTunnelled],
    ['bob', !list.isTunnelled],
    ['world', true],
  ] as const) {
    const about = { source: at('alice'), destination: at(destination) };
    const what = `a router about alice to ${destination}, IPv${family}`;
    const fields = isSeen ? honest : forged;
    list.sendFrom('world', { ...fields, what }, router, forgedErrorAbout(family, type, about));
  }
}

export function speakAsNeighbourOfNode(list: CaseList): void {
  const fate = byNobody('neighbour discovery');
  for (const type of discoveryTypes) {
    for (const source of ['bob', 'router-2']) {
      const fields = { what: `${source}: ICMPv6 type ${type}`, fate, hasPort: false };
      const ends = {
        source: list.plan.address(source, 6),
        destination: list.plan.address('alice', 6),
      };
      list.sendAsPod(fields, ends, () => discoveryMessage(type));
    }
  }
}

// Which backend of a list flows with a hash get, so that nodes that never exchanged a packet agree: Maglev's table ("Maglev: A
// Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4). Backends take places in turn, each in an order
// of its own, which depends on nothing but its address and port. So few places change when a backend comes or goes.

import type { ServiceBackend } from './desired-services.ts';

/** A prime: `LOOKUP_PLACES` in bpf/shared-services.h. */
export const lookupPlaces = 16_381;

/** With more backends, most of them would have only a few places. */
export const mostConsistent = 2000;

const free = 0xffff;

/** The index of a backend, in the given order, for each place. There is at least one backend. */
export function lookupTable(
  backends: readonly Pick<ServiceBackend, 'address' | 'port'>[],
): Uint16Array {
  const turns = backends
    .map(({ address, port }, index) => ({ name: `${address} ${port}`, index }))
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .map(({ name, index }) => ({
      index,
      place: hashOf(name, 0x811c_9dc5) % lookupPlaces,
      step: (hashOf(name, 0x9e37_79b9) % (lookupPlaces - 1)) + 1,
    }));
  const table = new Uint16Array(lookupPlaces).fill(free);
  for (let taken = 0; taken < lookupPlaces; ) {
    for (const turn of turns) {
      while (table[turn.place] !== free) turn.place = (turn.place + turn.step) % lookupPlaces;
      table[turn.place] = turn.index;
      taken++;
      if (taken === lookupPlaces) break;
    }
  }
  return table;
}

/** FNV-1a with the end of MurmurHash3, which spreads texts that differ in the last digit alone. */
function hashOf(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

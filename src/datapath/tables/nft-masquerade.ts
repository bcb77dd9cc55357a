// What pods send to outside the cluster leaves with an address of the node, whichever interface it leaves by: a VPN's, a
// second network's, one that appears later.

import type { Masquerade } from '../../model/desired.ts';
import { type AddressFamily, addressFamily } from '../../net/address.ts';
import { prefixFamily } from '../../net/prefix.ts';
import { addressSet, priorities, type TableContents } from './nft-render.ts';

/** None where there are no pods to translate for. */
export function masqueradeRules(masquerade: Masquerade): TableContents {
  const { sources, exempt } = masquerade;
  const families = ([4, 6] as const).filter((family) =>
    sources.some((prefix) => prefixFamily(prefix) === family),
  );
  const at = { type: 'nat', hook: 'postrouting', priority: priorities.srcnat } as const;
  const rules = families.flatMap((family) => rulesOf(masquerade, family));
  return {
    collections: families.flatMap((family) => [
      addressSet(`sources${family}`, family, sources),
      addressSet(`exempt${family}`, family, exempt),
    ]),
    counters: [],
    chains: [{ name: 'postrouting', at, rules }],
  };
}

// Where the node's InternalIP is answered it is the source: `masquerade` takes the first address of the interface, which
// need not be that one. Random ports: two pods' connections to one place must not be given the same port at the same time.
function rulesOf({ nodeSources }: Masquerade, family: AddressFamily): readonly string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  // The node itself may use an address of its pod range.
  const leaving = `oifname != "lo" ${ip} saddr @sources${family} ${ip} daddr != @exempt${family}`;
  const own = nodeSources.filter(({ address }) => addressFamily(address) === family);
  return [
    ...own.map(({ address, interfaces }) => {
      const names = interfaces.map((name) => JSON.stringify(name)).join(', ');
      return `${leaving} oifname { ${names} } snat ${ip} to ${address} fully-random`;
    }),
    `${leaving} masquerade fully-random`,
  ];
}

import { testFacts } from '../../../../test/support/fact-rows.ts';
import { eth0, gateway, link } from '../../../../test/support/sound-node.ts';
import { parseAddress } from '../../../net/address.ts';
import { parseMac } from '../../../net/mac.ts';

const mac = parseMac('02:00:5e:10:00:09');
const other = parseAddress('192.0.2.12');
const nextHops = [gateway, other].map((address) => ({ address, ifIndex: eth0 }));
const permanent = { ifIndex: eth0, mac, state: 'permanent' } as const;

testFacts([
  [
    'a permanent entry of a next hop',
    'next-hops',
    {
      kernel: { foreignNeighbours: [{ ...permanent, address: other }] },
      desired: { nextHops },
    },
    /^note: another process has set permanent neighbour entries: next hop 192\.0\.2\.12 dev eth0 \(02:00:5e:10:00:09\); /,
  ],
  [
    'one that is not resolved',
    'next-hops',
    {
      kernel: { foreignNeighbours: [{ ...permanent, state: 'noarp', address: other }] },
      desired: { nextHops },
    },
    /next hop 192\.0\.2\.12 dev eth0 \(02:00:5e:10:00:09, noarp\); /,
  ],
  [
    'a permanent entry of another neighbour',
    'next-hops',
    {
      kernel: { foreignNeighbours: [{ ...permanent, address: parseAddress('192.0.2.99') }] },
      desired: { nextHops },
    },
    undefined,
  ],
  [
    'one that the kernel made because the interface has no ARP',
    'next-hops',
    {
      host: { links: [link(eth0, 'eth0', { mac, noArp: true })] },
      kernel: { foreignNeighbours: [{ ...permanent, state: 'noarp', address: other }] },
      desired: { nextHops },
    },
    undefined,
  ],
]);

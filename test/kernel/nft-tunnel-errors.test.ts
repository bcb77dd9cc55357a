// ICMP errors about tunnels, by nftables alone.

import assert from 'node:assert/strict';
import { NftDrops } from '../../src/datapath/nft/drops.ts';
import { nftContents } from '../../src/datapath/nft/rules.ts';
import { nftTable } from '../../src/datapath/nft/table.ts';
import { nftCounters } from '../../src/kernel/netfilter/nft-counters.ts';
import { Nftables } from '../../src/kernel/netfilter/nftables.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { entriesOf } from '../support/entries-of.ts';
import { frame, portOf, sendFrames, vxlan } from '../support/forged-frames.ts';
import { ipIn, placeOf, runIn } from '../support/namespaces.ts';
import { onesComplementSum } from '../support/outer-headers.ts';
import { icmpEcho, icmpTooBig, tcp, udp } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import { applyEntries } from '../support/table-contract.ts';
import { desired, dropped, node4, tunnelNode } from '../support/tunnel-node.ts';

/** An error of an outside host: "fragmentation needed", about a packet of this node's to another node. */
const tunnelErrors: readonly {
  readonly what: string;
  readonly quoted: readonly [protocol: number, payload: Uint8Array];
  readonly options?: Uint8Array;
  readonly isFirstFragment?: boolean;
  readonly dropped: boolean;
}[] = [
  { what: 'in a tunnel', quoted: [17, toPort(4789)], dropped: true },
  {
    what: 'in a tunnel with IP options',
    options: new Uint8Array(4).fill(1),
    quoted: [17, toPort(4789)],
    dropped: true,
  },
  { what: 'of the tunnel device', quoted: [17, toPort(40000, 4789)], dropped: true },
  { what: 'an echo reply', quoted: [1, icmpEcho(4, { id: 1, reply: true })], dropped: true },
  {
    what: 'in a tunnel, a first fragment',
    quoted: [17, toPort(4789)],
    isFirstFragment: true,
    dropped: true,
  },
  { what: 'an echo request', quoted: [1, icmpEcho(4, { id: 1 })], dropped: false },
  { what: 'to another port', quoted: [17, toPort(53)], dropped: false },
  {
    what: 'TCP',
    quoted: [6, tcp({ sourcePort: 4789, destinationPort: 4789, flags: 16 })],
    dropped: false,
  },
];

/** A datagram with VXLAN's header in it, which the kernel looks at before it believes an error. */
function toPort(destinationPort: number, sourcePort = 40000): Uint8Array {
  return udp({ sourcePort, destinationPort }, vxlan(0, new Uint8Array(20)));
}

rootTest('no error of an outside host changes the path MTU between nodes', (context) => {
  const { node, outside } = tunnelNode(context);
  ipIn(node, 'link add vx0 type vxlan external dstport 4789', 'link set vx0 up');
  using nft = Nftables.open(node);
  using socket = NetlinkSocket.open({ namespace: node, family: 'netfilter' });
  const drops = new NftDrops(nft, () => nftCounters(socket, 'heddle'));
  applyEntries(nftTable(drops), entriesOf(nftContents(), desired));
  const [near, far] = [portOf(placeOf(node), 'up0'), portOf(placeOf(outside), 'net0')];
  const macs = { sourceMac: far.mac, destinationMac: near.mac };
  const peer = '198.51.100.2';
  const sendError = ({
    quoted,
    options,
    isFirstFragment = false,
  }: (typeof tunnelErrors)[number]): void => {
    const about = frame({ source: node4, destination: peer }, quoted, options && { options });
    const body = [1, icmpSummed(icmpTooBig(4, about.subarray(14)))] as const;
    const ends = { source: '203.0.113.9', destination: node4, ...macs };
    sendFrames(far, [frame(ends, body, { moreFragments: isFirstFragment })]);
  };
  for (const error of tunnelErrors) {
    const before = dropped(drops);
    sendError(error);
    assert.equal(dropped(drops) - before, error.dropped ? 1 : 0, error.what);
    if (error.dropped) assert.doesNotMatch(runIn(node, 'ip', 'route', 'get', peer), /mtu/);
  }
  runIn(node, 'nft', 'delete', 'table', 'inet', 'heddle');
  runIn(node, 'ip', 'route', 'flush', 'cache');
  for (const error of tunnelErrors.slice(0, 4)) {
    sendError(error);
    assert.match(
      runIn(node, 'ip', 'route', 'get', peer),
      /mtu 1280/,
      `without rules: ${error.what}`,
    );
    runIn(node, 'ip', 'route', 'flush', 'cache');
  }
});

function icmpSummed(message: Uint8Array): Uint8Array {
  const summed = Uint8Array.from(message);
  new DataView(summed.buffer).setUint16(2, ~onesComplementSum(summed) & 0xffff);
  return summed;
}

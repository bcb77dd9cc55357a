// ICMP that would speak for others: errors about packets that were not sent to their sender, neighbour discovery; of a pod here, and
// of another node for a pod here.

import { protocols } from '../../src/net/protocol.ts';
import { testDatapath } from '../support/datapath.ts';
import { db, places, web } from '../support/datapath-network.ts';
import { icmpEcho, icmpError, icmpProtocol, joined } from '../support/packets.ts';
import { type Case, check, errorAbout, errorTypes, reasons } from '../support/refused-packets.ts';
import { rootTest } from '../support/root-test.ts';

const { forgedError, neighbourDiscovery: neighbour } = reasons;

const errors: readonly Case[] = ([4, 6] as const).flatMap((family) => {
  const [own, other, node] = [web[family], db[family], places.node[family]];
  const other2 = places.native[family];
  const sent = { source: own, destination: node };
  return [
    ...errorTypes[family].flatMap((type): Case[] => [
      {
        ...{ what: `type ${type}, about what the pod was sent`, ...sent },
        ...{ body: errorAbout(family, type, { from: node, to: own }), fate: 'pass' },
      },
      ...(
        [
          ['about what another was sent', node, other],
          ['about what the pod itself sent', own, node],
          ['about what somebody else sent the pod', other2, own],
          ['about the node and another node', node, places.otherNode[family]],
        ] as const
      ).map(([what, from, to]) => ({
        ...{ what: `type ${type}, ${what}`, ...sent },
        ...{ body: errorAbout(family, type, { from, to }), fate: forgedError },
      })),
    ]),
    {
      ...{ what: 'an error that quotes nothing', ...sent, fate: forgedError },
      body: [icmpProtocol(family), icmpError(errorTypes[family][0], new Uint8Array())],
    },
    {
      ...{ what: 'an error that quotes half a header', ...sent, fate: forgedError },
      body: [icmpProtocol(family), icmpError(errorTypes[family][0], new Uint8Array(12).fill(0x45))],
    },
    {
      ...{ what: 'an error about a packet of the other family', ...sent, fate: forgedError },
      body: [
        icmpProtocol(family),
        errorAbout(family === 4 ? 6 : 4, 3, {
          from: places.node[family === 4 ? 6 : 4],
          to: web[family === 4 ? 6 : 4],
        })[1],
      ],
    },
    {
      ...{ what: 'to a pod here, about what it sent', source: own, destination: other },
      ...{ body: errorAbout(family, 3, { from: other, to: own }), fate: 'redirect' },
    },
    {
      ...{ what: 'an echo request', ...sent, fate: 'pass' },
      body: [icmpProtocol(family), icmpEcho(family, { id: 1 })],
    },
  ];
});

rootTest('an ICMP error of a pod is about a packet that it was sent', async (context) => {
  await check(context, testDatapath(context), errors);
});

rootTest('a pod is neither router nor neighbour', async (context) => {
  const types = [133, 134, 135, 136, 137];
  const cases = types.flatMap((type) =>
    [places.node[6], db[6], places.native[6]].map((destination) => ({
      ...{ what: `type ${type}`, source: web[6], destination, fate: neighbour },
      body: [protocols.icmpv6, joined([type, 0], new Uint8Array(22))] as const,
    })),
  );
  await check(context, testDatapath(context), cases);
});

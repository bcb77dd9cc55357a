// Connections to Services through the node's stack: nftables translates what the programs' marks say.

import assert from 'node:assert/strict';
import { db, places, web } from '../support/datapath-network.ts';
import { families } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';
import {
  addFrontend,
  addList,
  choiceOf,
  everyNodeAddress,
  refusedChoice,
  shop,
  silentChoice,
} from '../support/service-packets.ts';
import {
  answerPort,
  askServer,
  exampleNodePort,
  startAnswering,
  translatingNode,
} from '../support/translating-node.ts';

rootTest('clients reach Services, and servers see the right address', async (context) => {
  const host = translatingNode(context);
  const { datapath } = host;
  addList(datapath, 1, [7], db[4]);
  addList(datapath, 2, [9], web[4]);
  addList(datapath, 3, [9], web[6]);
  const outside = choiceOf(1, { masquerade: 1 });
  addFrontend(datapath, { address: shop, port: 80, inside: choiceOf(1) });
  addFrontend(datapath, { address: shop, port: 81, inside: silentChoice });
  addFrontend(datapath, { address: shop, port: 82, inside: choiceOf(99) });
  addFrontend(datapath, { address: shop, port: 84, inside: choiceOf(2) });
  addFrontend(datapath, { address: shop, port: 86, inside: choiceOf(3) });
  addFrontend(datapath, { address: shop, port: 0, inside: refusedChoice });
  for (const port of [exampleNodePort, exampleNodePort + 1])
    addFrontend(datapath, { address: everyNodeAddress, port, inside: choiceOf(1), outside });
  await startAnswering(context, host.db);
  await startAnswering(context, host.web);
  await startAnswering(context, host.world);
  for (const family of families) {
    const [to, node] = [shop[family], places.node[family]];
    const [pod, world] = [web[family], places.world[family]];
    const table = [
      [host.web, 'tcp', to, 80, 1000, `${pod} 1000`],
      [host.web, 'tcp', to, 80, 1_000_000, `${pod} 1000000`],
      [host.web, 'udp', to, 80, 10, `${pod} 10`],
      [host.web, 'udp', to, 80, 5000, `${pod} 5000`],
      [host.web, 'tcp', node, exampleNodePort, 1000, `${pod} 1000`],
      [host.web, 'udp', node, exampleNodePort, 5000, `${pod} 5000`],
      [host.world, 'tcp', to, 80, 1_000_000, `${world} 1000000`],
      [host.world, 'udp', to, 80, 5000, `${world} 5000`],
      [host.world, 'tcp', node, exampleNodePort, 1_000_000, `${node} 1000000`],
      [host.world, 'udp', node, exampleNodePort, 5000, `${node} 5000`],
      [host.web, 'tcp', to, 84 + (family === 6 ? 2 : 0), 1000, `${node} 1000`],
      [host.web, 'tcp', to, 8, 10, 'ECONNREFUSED'],
      [host.web, 'udp', to, 8, 10, 'ECONNREFUSED'],
      [host.world, 'tcp', to, 8, 10, 'ECONNREFUSED'],
      [host.world, 'tcp', to, 81, 10, 'timeout'],
      [host.web, 'tcp', to, 82, 10, 'timeout'],
    ] as const;
    for (const [from, protocol, address, port, bytes, answer] of table) {
      await context.test(`${protocol} ${address} ${port}, ${bytes} bytes`, () => {
        const patienceMs = answer === 'timeout' ? 1000 : 5000;
        assert.equal(askServer(from, { protocol, to: address, port, bytes, patienceMs }), answer);
      });
    }
    for (const protocol of ['tcp', 'udp'] as const) {
      await context.test(`${protocol} IPv${family} from a port that is a node port, too`, () => {
        const run = { protocol, to: world, port: answerPort, bytes: 10 };
        const ofNode = { ...run, localPort: exampleNodePort + 1 };
        assert.equal(askServer(host.web, run), `${node} 10`, 'masqueraded');
        assert.equal(askServer(host.node, ofNode), `${node} 10`);
      });
    }
    await context.test(`a pause, IPv${family}`, () => {
      const run = { protocol: 'tcp', to, port: 80, bytes: 1000, pauseMs: 700 } as const;
      assert.equal(askServer(host.web, run), `${pod} 1000`);
    });
  }
});

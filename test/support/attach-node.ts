// A namespace in which programs are attached to interfaces as on a node, without an agent, for tests of the code that
// attaches them.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Datapath, loadDatapath, readDatapathObject } from '../../src/datapath/load/loader.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { testNamespace } from './namespaces.ts';
import { testPinFolder } from './pin-folder.ts';

export interface AttachNode {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
  /** Always loads with the same pins: another constant is another version, which replaces the previous one. */
  load(eventsPerSecond: number): Datapath;
  /** Creates a pair of interfaces and returns the one on the node. */
  link(name: string): IfIndex;
}

export function attachNode(context: TestContext): AttachNode {
  const namespace = testNamespace(context);
  const socket = NetlinkSocket.open({ namespace });
  const pinDir = testPinFolder(context);
  context.after(() => socket[Symbol.dispose]());
  return {
    namespace,
    socket,
    load: (eventsPerSecond) => {
      const datapath = loadDatapath({
        pinDir,
        object: readDatapathObject(),
        sizes: { endpointEntries: 16, addressEntries: 128, routeEntries: 64, flowEntries: 1024 },
        constants: { events_per_second_per_cpu: eventsPerSecond },
      });
      context.after(() => datapath[Symbol.dispose]());
      return datapath;
    },
    link: (name) => {
      addVeth(socket, { name, up: true, peer: { name: `${name}-peer` } });
      return linkByName(socket, name)?.ifIndex ?? assert.fail();
    },
  };
}

// The CNI part of the agent in its own process: adds a pod and deletes it again, and dies by SIGKILL just before a
// given step among all steps that change anything, on disk or in the kernel. If it survives, it prints the number of
// steps.
//
//   mortal-agent STEP NODE-NAMESPACE RECORDS POD-NAMESPACE

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { NetworkNamespace } from '../../../src/kernel/namespace.ts';
import { messageFlags } from '../../../src/kernel/netlink/protocol/message.ts';
import { NetlinkSocket } from '../../../src/kernel/netlink/socket.ts';
import { parsePrefix } from '../../../src/net/prefix.ts';
import { VethWiring } from '../../../src/pods/interface/veth-wiring.ts';
import { Pods } from '../../../src/pods/pods.ts';
import { EndpointStore } from '../../../src/pods/records/store.ts';
import { leadTo } from '../../support/cni-node.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const [last = '', nodePath = '', directory = '', namespacePath = ''] = process.argv.slice(2);
let steps = 0;

function step(): void {
  if (steps === Number(last)) process.kill(process.pid, 'SIGKILL');
  steps++;
}

function countFiles(): void {
  const { writeFileSync, renameSync, rmSync, unlinkSync } = fs;
  const writeAt: typeof fs.writeSync = fs.writeSync;
  fs.writeFileSync = (...words) => {
    step();
    writeFileSync(...words);
  };
  fs.renameSync = (...words) => {
    step();
    renameSync(...words);
  };
  fs.rmSync = (...words) => {
    step();
    rmSync(...words);
  };
  fs.unlinkSync = (...words) => {
    step();
    unlinkSync(...words);
  };
  fs.writeSync = ((...words: Parameters<typeof fs.writeSync>) => {
    step();
    return writeAt(...words);
  }) as typeof fs.writeSync;
  syncBuiltinESMExports();
}

// Counts requests one by one, also those that are sent together.
function countRequests(): void {
  const { submitAll, submitAllAside, submitAsync, get, getAside } = NetlinkSocket.prototype;
  NetlinkSocket.prototype.submitAll = function (requests) {
    return requests.flatMap((request) => {
      step();
      return submitAll.call(this, [request]);
    });
  };
  NetlinkSocket.prototype.submitAllAside = async function (requests) {
    const outcomes: Awaited<ReturnType<typeof submitAllAside>>[number][] = [];
    for (const request of requests) {
      step();
      outcomes.push(...(await submitAllAside.call(this, [request])));
    }
    return outcomes;
  };
  // Requests that create something and query it in one call.
  NetlinkSocket.prototype.get = function (query, read) {
    if (((query.flags ?? 0) & messageFlags.create) !== 0) step();
    return get.call(this, query, read) as ReturnType<typeof read>;
  };
  NetlinkSocket.prototype.getAside = function (query, read) {
    step();
    return getAside.call(this, query, read) as Promise<ReturnType<typeof read>>;
  };
  NetlinkSocket.prototype.submitAsync = function (request) {
    step();
    return submitAsync.call(this, request);
  };
}

const node = NetworkNamespace.open(nodePath);
const socket = NetlinkSocket.open({ namespace: node });
const pods: Pods = new Pods({
  store: EndpointStore.open(directory, 8),
  wiring: new VethWiring(node, { removeLater: true }),
  node: {
    podRanges: () => ['10.201.1.0/24', 'fd00:201:1::/64'].map((text) => parsePrefix(text)),
    podAnnotations: () => ({}),
    podMtuBytes: () => 1450,
    settle: async (endpoint) => {
      if (pods.endpoints().includes(endpoint)) leadTo(socket, endpoint);
    },
    differences: () => [],
    limits: () => [],
  },
  log: silentLogger,
});
countFiles();
countRequests();
const request = { version: '1.0.0', containerId: 'mortal', ifName: 'eth0', namespacePath } as const;
await pods.add({ kind: 'add', network: 'heddle', ...request });
const ofAdd = steps;
await pods.del({ kind: 'del', ...request });
process.stdout.write(`${JSON.stringify({ ofAdd, ofBoth: steps })}\n`);
process.exit();

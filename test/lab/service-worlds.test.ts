// Random Services that Heddle translates, with real connections from a pod, from the node and from outside: everyone gets
// what the oracle permits. HEDDLE_SEED=N repeats a run, HEDDLE_LAB_WORLDS=N sets its length.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe } from 'node:test';
import { echoPod, eventuallyDefined, writeManifest } from '../support/lab.ts';
import {
  labObjects,
  labQuestions,
  labWorld,
  serverEnds,
  serverName,
  serverPorts,
} from '../support/lab-services.ts';
import { seededRandom } from '../support/random.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import {
  askFrom,
  serviceLab,
  serviceObjects,
  targetOf,
  type WhoOutcome,
} from '../support/service-lab.ts';
import { type ServiceAnswer, serviceOracle } from '../support/service-oracle.ts';

const servers = [1, 2, 3].flatMap((node) => serverEnds.map((end) => ({ node, end })));
const worlds = Number(process.env['HEDDLE_LAB_WORLDS'] ?? 15);
const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
/** To node-1, from outside. */
const isRouted = /^(198\.18\.0\.|10\.96\.|10\.200\.0\.11$|2001:db8:9::|fd00:96::|fd00:200::11$)/;
const outside = { 4: '203.0.113.10', 6: '2001:db8:113::10' } as const;

describe('Services of random clusters', () => {
  const lab = serviceLab({
    nodes: 3,
    manifests: {
      'pods.yaml': [
        ...servers.map(({ node, end }) => echoPod(serverName(node, end), `node-${node}`)),
        echoPod('client', 'node-1'),
      ],
    },
    servers: servers.map(({ node, end }) => serverName(node, end)),
    ports: Object.values(serverPorts),
    ranges: ['198.18.0.0/24', '10.96.0.0/16', '2001:db8:9::/64', 'fd00:96::/112'],
  });
  // What is routed to node-1 and no Service's loops, and the errors about it would leave no room for refusals.
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    const limits = ['net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0'];
    const { exitCode, stderr } = await lab().inNode('node-1', ['sysctl', '-qw', ...limits]);
    assert.equal(exitCode, 0, stderr);
  });
  const names = new Map<string, string>();
  const server = (name: string, family: 4 | 6): string => {
    const address = lab().address(lab().pod(name), family);
    names.set(address, name);
    return address;
  };

  rootTest(`${worlds} clusters: clients get what the oracle permits, seed ${seed}`, async () => {
    for (let index = 0; index < worlds; index++) {
      const random = seededRandom(seed + index);
      const world = labWorld(random, { server });
      await apply(index, labObjects(world));
      const client = lab().pod('client');
      const ofNode = {
        4: lab().address(lab().node('node-1'), 4),
        6: lab().address(lab().node('node-1'), 6),
      };
      const inside = { 4: lab().address(client, 4), 6: lab().address(client, 6) };
      for (const { from, place, sources } of [
        { from: 'pod', place: 'client', sources: inside },
        { from: 'node', place: 'node-1', sources: ofNode },
        { from: 'outside', place: 'world', sources: outside },
      ] as const) {
        const questions = labQuestions(random, world, { from, sources, count: 12 });
        const outcomes = await askFrom(lab(), place, questions.map(targetOf));
        for (const [at, question] of questions.entries()) {
          if (from === 'outside' && !isRouted.test(question.address)) continue;
          const answer = serviceOracle(world, question);
          const outcome = outcomes[at];
          const what = `HEDDLE_SEED=${seed + index} ${JSON.stringify(question)}: ${answer}, not ${JSON.stringify(outcome)}`;
          assert(isPermitted(answer, outcome), what);
        }
      }
    }
  });

  // A Service of its own shows that the agent has read the files and written what they ask for.
  async function apply(index: number, objects: readonly object[]): Promise<void> {
    const address = `10.96.9.${(index % 200) + 1}`;
    const marker = serviceObjects({
      name: 'marker',
      spec: { type: 'ClusterIP', clusterIPs: [address], ports: [{ port: 80 }] },
      backends: [{ addresses: [server('s-1-2', 4), server('s-1-2', 6)], node: 'node-1' }],
      targetPort: serverPorts[8080],
    });
    writeManifest(join(lab().source, 'services.yaml'), [...objects, ...marker]);
    await eventuallyDefined(`cluster ${index} is applied`, async () => {
      const [outcome] = await askFrom(lab(), 'client', [`tcp,80,${address}`]);
      return typeof outcome === 'object' ? true : undefined;
    });
  }

  function isPermitted(answer: ServiceAnswer, outcome: WhoOutcome | undefined): boolean {
    if (answer === 'not a service') return true;
    if (answer === 'refuse') return outcome === 'refused';
    // The node's own process hears of it.
    if (answer === 'drop') return outcome === 'silence' || outcome === 'unreachable';
    const permitted = answer.map((backend) => {
      const [address = '', port] = backend.split(' ');
      return `${names.get(address)} ${port}`;
    });
    return typeof outcome === 'object' && permitted.includes(outcome.by);
  }
});

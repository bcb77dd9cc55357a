// Random Services that Heddle translates, with real connections from pods and nodes and from outside: everyone gets
// what the oracle permits. HEDDLE_SEED=N repeats a run, HEDDLE_LAB_WORLDS=N sets its length; `npm run fuzz -- services`
// runs for as long as it is told.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe } from 'node:test';
import { replaceFile } from '../../src/base/replace-file.ts';
import { UndoStack } from '../../src/base/undo.ts';
import { maps, type ServiceEntry, type ServiceKey } from '../../src/datapath/generated.ts';
import { describePins } from '../../src/datapath/load/pins.ts';
import { BpfMap } from '../../src/kernel/bpf/map.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parsePort } from '../../src/net/port.ts';
import { echoPod, eventuallyDefined } from '../support/lab.ts';
import {
  labObjects,
  labWorld,
  serverEnds,
  serverName,
  serverPorts,
} from '../support/lab-services.ts';
import { seededRandom } from '../support/random.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { type LateAnswer, ServiceAsker } from '../support/service-asker.ts';
import {
  askFrom,
  serviceLab,
  serviceObjects,
  targetOf,
  type WhoOutcome,
  whoPod,
} from '../support/service-lab.ts';
import {
  type AskingPlace,
  type JudgedQuestion,
  judgedQuestions,
} from '../support/service-places.ts';

const nodes = [1, 2, 3] as const;
/** Nodes that are asked. The third one has pods only. */
const asked = [1, 2] as const;
const servers = nodes.flatMap((node) => serverEnds.map((end) => ({ node, end })));
const ports = Object.values(serverPorts);
const worlds = Number(process.env['HEDDLE_LAB_WORLDS'] ?? 300);
const seed = Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1_000_000);
const outside = { 4: '203.0.113.10', 6: '2001:db8:113::10' } as const;
/** An answer after this time still counts against a drop, and silence is asked again with the long patience. */
const patience = { patienceMs: 150, openMs: 900 };
const longPatience = { patienceMs: 3_000, openMs: 3_000 };

describe('Services of random clusters', () => {
  const lab = serviceLab({
    nodes: nodes.length,
    manifests: {
      'pods.yaml': [
        ...servers.map(({ node, end }) => whoPod(serverName(node, end), `node-${node}`, ports)),
        ...[echoPod('client-1', 'node-1'), echoPod('client-2', 'node-2')],
      ],
    },
    ranges: ['198.18.0.0/24', '10.96.0.0/16', '2001:db8:9::/64', 'fd00:96::/112'],
  });
  // What is routed to node-1 and no Service's loops, and the errors about it would leave no room for refusals.
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    const limits = ['net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0'];
    for (const node of nodes) {
      const { exitCode, stderr } = await lab().inNode(`node-${node}`, ['sysctl', '-qw', ...limits]);
      assert.equal(exitCode, 0, stderr);
    }
    const listening = servers.flatMap(({ node, end }) =>
      ([4, 6] as const).flatMap((family) =>
        ports.map((port) => `tcp,${port},${server(serverName(node, end), family)}`),
      ),
    );
    await eventuallyDefined('all servers listen', async () =>
      (await askFrom(lab(), 'client-1', listening)).every((each) => typeof each === 'object'),
    );
  });
  const names = new Map<string, string>();
  const server = (name: string, family: 4 | 6): string => {
    const address = lab().address(lab().pod(name), family);
    names.set(address, name);
    return address;
  };

  rootTest(`${worlds} clusters: clients get what the oracle permits, seed ${seed}`, async () => {
    using opened = new UndoStack();
    // It would spend a third of the time on clusters about which nobody asks it.
    lab().lab.agent('node-3').signal('SIGSTOP');
    opened.push(() => lab().lab.agent('node-3').signal('SIGCONT'));
    const frontends = asked.map((node) => {
      const path = describePins(lab().node(`node-${node}`).pins).map(maps.frontends.name);
      return opened.use(BpfMap.openPinned(path, maps.frontends));
    });
    const clients = places().map((place) => ({
      place,
      asker: opened.use(new ServiceAsker(lab(), place.place)),
      lines: new Map<number, Asked>(),
    }));
    let questions = 0;
    for (let index = 0; index <= worlds; index++) {
      // A last cluster without questions waits for the late answers of the one before.
      const isLast = index === worlds;
      if (isLast) await new Promise((resolve) => setTimeout(resolve, patience.openMs));
      const random = seededRandom(seed + index);
      const world = labWorld(random, { server });
      if (!isLast) await apply(index, labObjects(world), frontends);
      const all = clients.map(async ({ place, asker, lines }) => {
        const judged = isLast ? [] : judgedQuestions(random, world, place);
        const targets = judged.map(({ question }) => targetOf(question));
        questions += targets.length;
        const { line, outcomes, late } = await asker.ask(targets, patience);
        const where = `HEDDLE_SEED=${seed + index} ${place.place}`;
        lines.set(line, { where, judged });
        lines.delete(line - 10);
        for (const each of late) refuseLate(each, lines);
        await judge({ where, judged }, outcomes, async (target) => {
          const again = await asker.ask([target], longPatience);
          return again.outcomes[0];
        });
      });
      await Promise.all(all);
    }
    assert(questions > 30 * worlds, `${questions} questions`);
  });

  function places(): readonly AskingPlace[] {
    const of = (place: string): AskingPlace['sources'] => {
      const found = place.startsWith('node-') ? lab().node(place) : lab().pod(place);
      return { 4: lab().address(found, 4), 6: lab().address(found, 6) };
    };
    return [
      { place: 'client-1', from: 'pod', node: 1, sources: of('client-1') },
      { place: 'node-1', from: 'node', node: 1, sources: of('node-1') },
      { place: 'world', from: 'outside', node: 1, sources: outside },
      { place: 'client-2', from: 'pod', node: 2, sources: of('client-2') },
      { place: 'node-2', from: 'node', node: 2, sources: of('node-2') },
    ];
  }

  // A Service of its own shows that every agent has written what the cluster asks for: of a settle, its frontend is
  // written with the last entries, and the one of the cluster before is deleted after them. An agent answers afterwards.
  async function apply(
    index: number,
    objects: readonly object[],
    frontends: readonly FrontendMap[],
  ): Promise<void> {
    const address = (of: number): string => `10.96.9.${((of + 200) % 200) + 1}`;
    const marker = serviceObjects({
      name: 'marker',
      spec: { type: 'ClusterIP', clusterIPs: [address(index)], ports: [{ port: 80 }] },
      backends: [{ addresses: [server('s-1-2', 4), server('s-1-2', 6)], node: 'node-1' }],
      targetPort: serverPorts[8080],
    });
    const list = { apiVersion: 'v1', kind: 'List', items: [...objects, ...marker] };
    const folder = lab().lab.paths.cluster;
    // Past the lab, which would wait for an editor to finish.
    const temporary = join(folder, '.worlds.new');
    replaceFile(join(folder, 'worlds.json'), JSON.stringify(list), { mode: 0o644, temporary });
    const key = (of: number): ServiceKey => ({
      address: parseAddress(address(of)),
      port: parsePort(80),
      protocol: 6,
    });
    const deadline = performance.now() + 10_000;
    const isApplied = (map: FrontendMap): boolean =>
      map.get(key(index)) !== undefined && map.get(key(index - 1)) === undefined;
    while (!frontends.every(isApplied)) {
      assert(performance.now() < deadline, `cluster HEDDLE_SEED=${seed + index} is not applied`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await Promise.all(
      asked.map((node) => lab().ask(`node-${node}`, '/v1/services?name=shop/marker')),
    );
  }

  async function judge(
    { where, judged }: Asked,
    outcomes: readonly WhoOutcome[],
    again: (target: string) => Promise<WhoOutcome | undefined>,
  ): Promise<void> {
    for (const [at, { question, answer }] of judged.entries()) {
      let outcome = outcomes[at];
      if (outcome === 'silence' && answer !== 'drop') outcome = await again(targetOf(question));
      const what = `${where} ${JSON.stringify(question)}: ${answer}, not ${JSON.stringify(outcome)}`;
      assert(isPermitted(answer, outcome), what);
    }
  }

  function isPermitted(answer: JudgedQuestion['answer'], outcome: WhoOutcome | undefined): boolean {
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

type FrontendMap = Pick<BpfMap<ServiceKey, ServiceEntry>, 'get'>;

interface Asked {
  readonly where: string;
  readonly judged: readonly JudgedQuestion[];
}

// Whatever else was silent has been asked again.
function refuseLate({ line, index, outcome }: LateAnswer, lines: ReadonlyMap<number, Asked>): void {
  const { where, judged } = lines.get(line) ?? {};
  const of = judged?.[index];
  if (of?.answer !== 'drop' || outcome === 'unreachable') return;
  assert.fail(
    `${where} ${JSON.stringify(of.question)}: drop, not ${JSON.stringify(outcome)} (late)`,
  );
}

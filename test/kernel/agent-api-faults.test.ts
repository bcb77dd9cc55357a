// An agent whose API server answers wrongly: the node's state stays, the server is not flooded with requests, and
// `heddle status` gives the reason. Each fault of the conversation alone is in api-answers.test.ts and
// api-watches.test.ts.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import {
  type AgentPlace,
  agentPlace,
  cniBeside,
  eventuallyPasses,
  get,
  launchAgent,
  podNamespace,
  startAgent,
  status,
} from '../support/agent-process.ts';
import { FakeApiServer, type FakeExchange, type Misbehaviour } from '../support/fake-api-server.ts';
import { runIn } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const nodes = '/api/v1/nodes';

const nodeObject = (index: number): { readonly metadata: { readonly name: string } } => ({
  metadata: { name: `node-${index}`, ...{ uid: `uid-${index}` } },
  ...{
    spec: { podCIDRs: [`10.201.${index}.0/24`, `fd00:201:${index}::/64`] },
    status: {
      addresses: [
        { type: 'InternalIP', address: `10.200.0.1${index}` },
        { type: 'InternalIP', address: `fd00:200::1${index}` },
      ],
    },
  },
});

interface Cluster {
  readonly place: AgentPlace;
  readonly server: FakeApiServer;
}

async function cluster(context: TestContext): Promise<Cluster> {
  const place = agentPlace(context);
  const { namespace } = place;
  const server = await FakeApiServer.start(context, { namespace });
  for (const index of [1, 2, 3]) server.put(nodes, nodeObject(index));
  const text = readFileSync(place.config, 'utf8');
  const source = `cluster: { kubernetes: { kubeconfig: ${server.kubeconfig} } }`;
  writeFileSync(place.config, text.replace('cluster: { directory: cluster }', source));
  return { place, server };
}

const routes = ({ namespace }: AgentPlace): string =>
  runIn(namespace, 'ip', 'route', 'show', 'table', 'all', 'proto', '72');

const isWrite = ({ request }: FakeExchange): boolean => request.method === 'PATCH';

rootTest(
  'a refused write is not repeated with every change, reported once, and done when it is allowed',
  async (context) => {
    const { place, server } = await cluster(context);
    const message =
      "nodes \"node-1\" is forbidden: ValidatingAdmissionPolicy 'heddle-own-node' with binding 'heddle-own-node' denied request: heddle may write to no Node but the one it runs on";
    const body = JSON.stringify({ kind: 'Status', code: 403, reason: 'Forbidden', message });
    let patches = 0;
    server.misbehave((exchange) => {
      if (!isWrite(exchange)) return exchange.answer();
      patches++;
      exchange.request.resume();
      exchange.response.writeHead(403, { 'content-type': 'application/json' }).end(body);
    });
    const agent = await startAgent(context, place);
    const said =
      /^own Node not annotated: patch nodes: 403 Forbidden: .*denied request.*apply the manifests of this version again/;
    await eventuallyPasses(async () => {
      const { health } = await status(place);
      assert.equal(health.state, 'degraded');
      assert.ok(
        health.reasons.some((reason) => said.test(reason)),
        health.reasons.join(),
      );
    });
    const began = performance.now();
    for (let count = 0; count < 60; count++) {
      server.put(nodes, { ...nodeObject(3), ...{ status: { addresses: [] } } });
      server.put(nodes, nodeObject(3));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const seconds = (performance.now() - began) / 1_000;
    // 0, 1, 3, 7, 15 s after the first at most; half of that at least.
    assert.ok(patches <= 4 + Math.log2(seconds + 2), `${patches} in ${seconds} s`);
    const lines = agent.log().filter(({ msg }) => String(msg).includes('own Node'));
    assert.equal(lines.length, 1);
    server.misbehave(undefined);
    await eventuallyPasses(
      async () => assert.equal((await status(place)).health.state, 'healthy'),
      20_000,
    );
    assert.ok(server.requests.some((line) => line.startsWith('PATCH')));
  },
);

rootTest(
  'a suddenly empty list of nodes removes no route, and is named while it lasts',
  async (context) => {
    const { place, server } = await cluster(context);
    await startAgent(context, place);
    const before = routes(place);
    assert.match(before, /10\.201\.3\.0\/24/);
    server.misbehave((exchange) => {
      const { url, isWatch, response, answer } = exchange;
      if (url.pathname !== nodes) return answer();
      response.writeHead(isWatch ? 410 : 200, { 'content-type': 'application/json' });
      const list = { kind: 'NodeList', metadata: { resourceVersion: String(server.version) } };
      response.end(
        JSON.stringify(isWatch ? { kind: 'Status', code: 410, reason: 'Expired' } : list),
      );
    });
    server.endWatches();
    await eventuallyPasses(async () => {
      const { health, cluster: view } = await status(place);
      const said =
        'API server: nodes: the list is empty, but there were 3 before; the list is requested again';
      assert.ok(health.reasons.includes(said), health.reasons.join());
      assert.equal(view.nodes, 3);
    });
    assert.equal(routes(place), before);
    assert.equal((await get(place, '/readyz')).status, 200);
    server.misbehave(undefined);
    await eventuallyPasses(
      async () => assert.equal((await status(place)).health.state, 'healthy'),
      30_000,
    );
    assert.equal(routes(place), before);
  },
);

rootTest(
  'an agent that starts with an empty list writes and removes nothing until the list is repeated',
  async (context) => {
    const { place, server } = await cluster(context);
    const first = await startAgent(context, place);
    const before = routes(place);
    await first.end('SIGKILL');
    server.misbehave((exchange) => {
      if (exchange.url.pathname !== nodes || exchange.isWatch) return exchange.answer();
      exchange.response.setHeader('content-type', 'application/json');
      exchange.response.end(JSON.stringify({ metadata: { resourceVersion: '9' }, items: [] }));
    });
    launchAgent(context, place);
    await eventuallyPasses(async () => {
      const { text } = await get(place, '/readyz');
      assert.match(
        text,
        /has not been read yet: API server: nodes: the list has 0 and lacks node-1/,
      );
    }, 15_000);
    server.misbehave(undefined);
    await eventuallyPasses(
      async () => assert.equal((await get(place, '/readyz')).status, 200),
      30_000,
    );
    assert.equal(routes(place), before);
  },
);

interface NodeObjects {
  items: { spec?: unknown }[];
}

/** Watches request a list; one list of Nodes is changed, and later answers are correct. */
function oneList(change: (list: NodeObjects) => void): () => Misbehaviour {
  return () => {
    let lists = 0;
    return (exchange) => {
      const { url, isWatch, response, answer } = exchange;
      if (url.pathname !== nodes || lists > 0) return answer();
      response.writeHead(isWatch ? 410 : 200, { 'content-type': 'application/json' });
      const list = JSON.parse(exchange.list());
      change(list);
      const expired = { kind: 'Status', code: 410, reason: 'Expired' };
      response.end(JSON.stringify(isWatch ? expired : list));
      if (!isWatch) lists++;
    };
  };
}

rootTest(
  'one list that lacks Nodes removes no route, neither of a running agent nor of a starting one',
  async (context) => {
    const { place, server } = await cluster(context);
    const lacking = oneList((list) => {
      list.items = list.items.slice(0, 1);
    });
    const first = await startAgent(context, place);
    const before = routes(place);
    assert.match(before, /10\.201\.3\.0\/24/);
    server.misbehave(lacking());
    server.endWatches();
    await eventuallyPasses(async () => {
      const { cluster: view } = await status(place);
      const found = view.apiServer?.resources.find(({ resource }) => resource === 'nodes');
      assert.equal(found?.relists, 2);
      assert.equal(view.nodes, 3);
    }, 20_000);
    assert.equal(routes(place), before);
    await first.end('SIGKILL');
    server.misbehave(lacking());
    launchAgent(context, place);
    await eventuallyPasses(async () => {
      const { text } = await get(place, '/readyz');
      assert.match(text, /the list has 0 other nodes, but this node has routes to 2/);
    }, 15_000);
    await eventuallyPasses(
      async () => assert.equal((await get(place, '/readyz')).status, 200),
      30_000,
    );
    assert.equal(routes(place), before);
  },
);

rootTest(
  'one list whose Nodes lack their spec removes no route, neither of a running agent nor of a starting one',
  async (context) => {
    const { place, server } = await cluster(context);
    const specless = oneList(({ items }) => {
      for (const item of items) delete item.spec;
    });
    const first = await startAgent(context, place);
    const before = routes(place);
    assert.match(before, /10\.201\.3\.0\/24/);
    server.misbehave(specless());
    server.endWatches();
    await eventuallyPasses(async () => {
      const { health, cluster: view } = await status(place);
      const said = [...health.reasons, ...view.problems.map(({ text }) => text)].join();
      assert.match(said, /Node node-3: spec\.podCIDRs: \[\] replaces 10\.201\.3\.0\/24/);
      assert.match(
        said,
        /nodes: objects in the list that contradict earlier answers of the API server: 3/,
      );
    });
    assert.equal(routes(place), before);
    await eventuallyPasses(
      async () => assert.equal((await status(place)).health.state, 'healthy'),
      20_000,
    );
    assert.equal(routes(place), before);
    await first.end('SIGKILL');
    server.misbehave(specless());
    launchAgent(context, place);
    await eventuallyPasses(async () => {
      const { text } = await get(place, '/readyz');
      assert.match(text, /the list has 0 other nodes with pod ranges and addresses, but this node/);
    }, 15_000);
    await eventuallyPasses(
      async () => assert.equal((await get(place, '/readyz')).status, 200),
      30_000,
    );
    assert.equal(routes(place), before);
  },
);

rootTest('an ADD finds its pod although the list of pods omitted it', async (context) => {
  const { place, server } = await cluster(context);
  const name = { namespace: 'shop', name: 'web-1' };
  server.put('/api/v1/pods', {
    metadata: { ...name, ...{ uid: 'uid-web-1' } },
    ...{ spec: { nodeName: 'node-1', containers: [] } },
  });
  server.misbehave(({ url, isWatch, list, response, answer }) => {
    if (url.pathname !== '/api/v1/pods' || isWatch) return answer();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ ...JSON.parse(list()), items: [] }));
  });
  await startAgent(context, place);
  assert.equal((await status(place)).cluster.pods, 0);
  const pod = podNamespace(context);
  const added = await cniBeside(place, { verb: 'ADD', containerId: 'pod-1', netns: pod.path });
  assert.equal(added.exitCode, 0, added.answer?.msg);
  assert.equal((await status(place)).cluster.pods, 1);
  const looks = server.requests.filter((line) => line.includes('/namespaces/shop/pods?'));
  assert.equal(looks.length, 1);
  await cniBeside(place, { verb: 'DEL', containerId: 'pod-1', netns: pod.path });
});

rootTest(
  "user and password in the API server's address are in no status, log or metric",
  async (context) => {
    const { place, server } = await cluster(context);
    const text = readFileSync(server.kubeconfig, 'utf8');
    writeFileSync(server.kubeconfig, text.replace('http://', 'http://me:s3cret@'));
    const agent = await startAgent(context, place);
    server.misbehave(({ request }) => request.socket.destroy());
    server.dropConnections();
    await eventuallyPasses(async () => {
      const view = await status(place);
      assert.match(
        view.cluster.apiServer?.unreachable?.text ?? '',
        /^http:\/\/127\.0\.0\.1:\d+: the connection broke/,
      );
      assert.equal(view.cluster.source, `API server http://127.0.0.1:${server.port}`);
      assert.doesNotMatch(JSON.stringify(view), /s3cret/);
    }, 15_000);
    assert.doesNotMatch((await get(place, '/metrics')).text, /s3cret/);
    assert.doesNotMatch(JSON.stringify(agent.log()), /s3cret/);
  },
);

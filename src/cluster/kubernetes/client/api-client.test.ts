import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ApiClient } from './api-client.ts';
import { apiTimes } from './api-times.ts';
import type { Credentials } from './credentials.ts';

function credentials(servers: readonly string[]): Credentials {
  return { access: async () => ({ servers, request: {} }), refused: () => undefined };
}

const ask = (client: ApiClient): Promise<unknown> =>
  client.json({
    path: '/api',
    verb: 'get',
    resource: 'test',
    signal: new AbortController().signal,
  });

/** A port of the loopback where nothing listens. */
async function deadServer(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

test('if no address answers, each is named with its reason', async () => {
  const [first, second] = [await deadServer(), await deadServer()];
  using client = new ApiClient(credentials([first, second]));
  const reason = 'connection refused: is the API server running there?';
  const message = `${first}: ${reason}; ${second}: ${reason}`;
  await assert.rejects(ask(client), { name: 'ConnectionError', message });
  assert.equal(client.state.failing?.text, message);
  assert.equal(client.state.server, second, 'the one tried last');
  assert.deepEqual(
    client.counts.map(({ code, count }) => [code, count]),
    [[0, 2]],
  );
});

type Respond = (request: IncomingMessage, response: ServerResponse) => void;

async function listening(context: TestContext, respond: Respond): Promise<Server> {
  const server = createServer(respond);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

const hostOf = (server: Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;

test('user and password in an address are used and never shown', async (context) => {
  const seen: (string | undefined)[] = [];
  const server = await listening(context, (request, response) => {
    seen.push(request.headers.authorization);
    if (seen.length === 1) response.end('{}');
    else request.socket.destroy();
  });
  using client = new ApiClient(credentials([`http://me:s3cret@${hostOf(server)}`]));
  await ask(client);
  assert.deepEqual(seen, [`Basic ${Buffer.from('me:s3cret').toString('base64')}`]);
  assert.equal(client.state.server, `http://${hostOf(server)}`);
  await assert.rejects(ask(client), (error: Error) => {
    assert.doesNotMatch(JSON.stringify([error.message, error.stack, error]), /s3cret/);
    return true;
  });
  assert.doesNotMatch(JSON.stringify(client.state), /s3cret|me:/);
});

test('a server that answers wrongly is tried after one that answers correctly', async (context) => {
  const asked: string[] = [];
  const bad = await listening(context, (_, response) => {
    asked.push('bad');
    response.writeHead(500).end('{}');
  });
  const good = await listening(context, (_, response) => {
    asked.push('good');
    response.end('{}');
  });
  using client = new ApiClient(
    credentials([bad, good].map((server) => `http://${hostOf(server)}`)),
  );
  await assert.rejects(ask(client), /500/);
  await ask(client);
  await ask(client);
  assert.deepEqual(asked, ['bad', 'good', 'good']);
});

interface Pair {
  readonly client: ApiClient;
  /** Names of the servers in the order of the requests. */
  readonly asked: string[];
  readonly first: string;
}

/** A client of two servers with these statuses as answers. */
async function pair(context: TestContext, statuses: readonly [number, number]): Promise<Pair> {
  const asked: string[] = [];
  const servers: string[] = [];
  for (const [index, name] of (['first', 'second'] as const).entries()) {
    const server = await listening(context, (_, response) => {
      asked.push(name);
      response.writeHead(statuses[index] ?? 200).end('{}');
    });
    servers.push(`http://${hostOf(server)}`);
  }
  const client = new ApiClient(credentials(servers));
  context.after(() => client[Symbol.dispose]());
  return { client, asked, first: servers[0] ?? '' };
}

for (const status of [302, 400, 401, 403, 404, 410, 429]) {
  test(`a ${status} of one server is not accepted if another disagrees`, async (context) => {
    const { client, asked } = await pair(context, [status, 200]);
    await ask(client);
    await ask(client);
    assert.deepEqual(asked, ['first', 'second', 'second']);
  });

  test(`a ${status} of all servers is accepted, and the first stays in use`, async (context) => {
    const { client, asked, first } = await pair(context, [status, status]);
    await assert.rejects(ask(client), { name: 'ApiError', status });
    await assert.rejects(ask(client), { name: 'ApiError', status });
    assert.deepEqual(asked, ['first', 'second', 'first', 'second']);
    assert.equal(client.state.server, first);
  });
}

for (const status of [409, 422])
  test(`a ${status} concerns the object, and no other server is asked`, async (context) => {
    const { client, asked } = await pair(context, [status, 200]);
    await assert.rejects(ask(client), { name: 'ApiError', status });
    assert.deepEqual(asked, ['first']);
  });

test('a resource does not count as absent while another server refuses the request', async (context) => {
  const { client } = await pair(context, [404, 429]);
  await assert.rejects(ask(client), { name: 'ApiError', status: 429 });
});

test('a refusal is final if no other server can be reached', async (context) => {
  const server = await listening(context, (_, response) => response.writeHead(403).end('{}'));
  const here = `http://${hostOf(server)}`;
  using client = new ApiClient(credentials([await deadServer(), here]));
  await assert.rejects(ask(client), { name: 'ApiError', status: 403 });
  assert.deepEqual([client.state.server, client.state.failing], [here, undefined]);
});

test('an address that accepts connections but never answers is skipped', async (context) => {
  const mute = await listening(context, () => undefined);
  const good = await listening(context, (_, response) => response.end('{"a":1}'));
  const times = { ...apiTimes, answerMs: 50 };
  using client = new ApiClient(
    credentials([mute, good].map((server) => `http://${hostOf(server)}`)),
    { times },
  );
  assert.deepEqual(await ask(client), { a: 1 });
  assert.equal(client.state.server, `http://${hostOf(good)}`);
});

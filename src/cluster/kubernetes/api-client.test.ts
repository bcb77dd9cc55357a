import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ApiClient } from './api-client.ts';
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

/** A port of the loopback where nobody listens. */
async function deadServer(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

test('where no address answers, each of them is named with its reason', async () => {
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

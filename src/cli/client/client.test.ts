import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createRawServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AgentClient } from './client.ts';
import { RefusalError } from './command-error.ts';

interface FakeAgent {
  readonly client: AgentClient;
  readonly server: Server;
}

/** An agent with the given answers, on its own socket until the test ends. */
async function fakeAgent(
  context: TestContext,
  answer: RequestListener,
  timeoutMs?: number,
): Promise<FakeAgent> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-client-'));
  const socket = join(folder, 'agent.sock');
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { client: new AgentClient(socket, timeoutMs), server };
}

test('a query becomes a GET, and the answer its JSON', async (context) => {
  const { client } = await fakeAgent(context, (request, response) => {
    response.end(
      JSON.stringify({ name: request.url, maxEntries: 1, entries: [], truncated: false }),
    );
  });
  assert.equal((await client.map('a/b', 7)).name, '/v1/maps/a%2Fb?limit=7');
});

test("a refusal is reported in the agent's words", async (context) => {
  const { client } = await fakeAgent(context, (_, response) => {
    response.writeHead(404).end(JSON.stringify({ error: 'there is no map x' }));
  });
  await assert.rejects(client.map('x'), (error) => {
    assert.ok(error instanceof RefusalError);
    assert.deepEqual([error.name, error.message], ['CommandError', 'there is no map x']);
    return true;
  });
});

test('an answer that is not JSON is reported with its status', async (context) => {
  const { client } = await fakeAgent(context, (_, response) => {
    response.writeHead(500).end('oops');
  });
  await assert.rejects(client.status(), { message: 'the agent answered 500: oops' });
});

for (const [what, answer] of [
  ['speaks no HTTP', 'hello world\r\n\r\n'],
  ['says nothing and ends', ''],
  ['ends in the middle', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{'],
  ['answers 200 and no JSON', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{{'],
] as const) {
  test(`a process at the socket that ${what} is reported in one sentence`, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-client-'));
    const socket = join(folder, 'agent.sock');
    const server = createRawServer((connection) => {
      connection.on('error', () => undefined);
      connection.end(answer);
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    context.after(() => {
      server.close();
      rmSync(folder, { recursive: true });
    });
    const error = {
      name: 'CommandError',
      message: /^no agent answers at .*agent\.sock: .*\(.*\)$/,
    };
    const client = new AgentClient(socket);
    await assert.rejects(client.status(), error);
    const flows = client.flows({ follow: false, signal: new AbortController().signal });
    await assert.rejects(flows.next(), error);
  });
}

test('if there is no socket, the error names it and how to start an agent', async () => {
  await assert.rejects(new AgentClient('/nonexistent/agent.sock').status(), {
    name: 'CommandError',
    message: /^no agent answers at \/nonexistent\/agent\.sock: .*heddle agent --config/,
  });
});

test('followed flows arrive one by one and end with the signal', async (context) => {
  const gap = { kind: 'gap', time: '2026-03-01T12:00:00Z', cause: 'slow reader', records: 1 };
  const { client } = await fakeAgent(context, (request, response) => {
    assert.equal(request.url, '/v1/flows?follow=1&last=5');
    response.write(`${JSON.stringify(gap)}\n${JSON.stringify(gap).slice(0, 10)}`);
    setTimeout(() => response.write(`${JSON.stringify(gap).slice(10)}\n`), 20);
  });
  const stop = new AbortController();
  const seen = [];
  for await (const line of client.flows({ follow: true, last: 5, signal: stop.signal })) {
    seen.push(line);
    if (seen.length === 2) stop.abort();
  }
  assert.deepEqual(seen, [gap, gap]);
});

const line = `${JSON.stringify({ kind: 'gap', time: '2026-03-01T12:00:00Z', cause: 'x', records: 1 })}\n`;

for (const [what, answer, follow] of [
  ['says nothing', () => undefined, false],
  ['says nothing', () => undefined, true],
  ['stops in the middle', (_, response) => response.write(line), false],
] as const satisfies readonly (readonly [string, RequestListener, boolean])[]) {
  test(`flows${follow ? ' that are followed' : ''} end where an agent ${what}`, async (context) => {
    const { client } = await fakeAgent(context, answer, 50);
    await assert.rejects(
      async () => {
        for await (const _ of client.flows({ follow, signal: new AbortController().signal }));
      },
      { name: 'CommandError', message: /^no agent answers at .*: no answer within 0\.05 s/ },
    );
  });
}

test('a query fails if the agent stops in the middle of its answer', async (context) => {
  const { client } = await fakeAgent(context, (_, response) => response.write('{'), 50);
  await assert.rejects(client.status(), {
    name: 'CommandError',
    message: /^no agent answers at .*: no answer within 0\.05 s/,
  });
});

test('followed flows have no time limit between them', async (context) => {
  const answer: RequestListener = (_, response) => {
    response.write(line);
    setTimeout(() => response.end(line), 200);
  };
  const { client } = await fakeAgent(context, answer, 50);
  const seen = [];
  for await (const each of client.flows({ follow: true, signal: new AbortController().signal }))
    seen.push(each.kind);
  assert.deepEqual(seen, ['gap', 'gap']);
});

test('ending flows before the agent has answered is not an error', async (context) => {
  const stop = new AbortController();
  const { client } = await fakeAgent(context, () => stop.abort());
  for await (const _ of client.flows({ follow: true, signal: stop.signal })) assert.fail();
});

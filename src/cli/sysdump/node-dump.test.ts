import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AgentClient } from '../client/client.ts';
import type { ArchiveFile } from './archive.ts';
import { nodeDump } from './node-dump.ts';

let folder: string;
let config: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-test-dump-'));
  config = join(folder, 'config.yaml');
  writeFileSync(config, 'mode: native\ntoken: planted\n');
});
after(() => rmSync(folder, { recursive: true }));

const dump = (
  socket: string,
  onProgress = (_: string): void => undefined,
): Promise<readonly ArchiveFile[]> =>
  nodeDump({ client: new AgentClient(socket), config, onProgress });

const contentOf = (files: readonly ArchiveFile[], path: string): string | undefined =>
  files.find((file) => file.path === path)?.content;

test("a dump has each answer of the agent, including the kernel's state, and no secret of the configuration", async () => {
  const answers: Readonly<Record<string, unknown>> = {
    '/v1/status': { node: 'node-1', bearerToken: 'planted' },
    '/v1/endpoints': [],
    '/v1/nodes': [],
    '/v1/kernel': { links: ['1: lo mtu 65536 up'], routes: [] },
    '/v1/maps': { maps: [{ name: 'flows' }] },
    '/v1/maps/flows': { entries: [] },
    '/v1/flows': { kind: 'lost' },
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://agent');
    response.end(`${JSON.stringify(answers[pathname])}\n`);
  });
  const socket = join(folder, 'agent.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const said: string[] = [];
  try {
    const files = await dump(socket, (text) => said.push(text));
    assert.match(contentOf(files, 'kernel.json') ?? '', /1: lo mtu 65536 up/);
    assert.match(contentOf(files, 'status.json') ?? '', /"bearerToken": "<removed>"/);
    assert.equal(contentOf(files, 'config.yaml'), 'mode: native\ntoken: <removed>\n');
    for (const path of ['endpoints.json', 'nodes.json', 'maps/flows.json', 'flows.json'])
      assert.ok(contentOf(files, path) !== undefined, path);
    assert.ok(!files.some(({ content }) => content.includes('planted')));
    assert.ok(said.includes('kernel.json'), 'progress names what is asked for');
  } finally {
    server.close();
  }
});

test("without an agent every answer is a file with the reason, and the machine's facts are there", async () => {
  const files = await dump(join(folder, 'nobody.sock'));
  for (const path of ['status.json', 'kernel.json', 'maps/list.json', 'flows.json'])
    assert.match(contentOf(files, `${path}.missing`) ?? '', /no agent answers at .*nobody\.sock/);
  assert.match(contentOf(files, 'machine/version') ?? '', /^Linux/);
  assert.match(contentOf(files, 'version.json') ?? '', /"kernel"/);
});

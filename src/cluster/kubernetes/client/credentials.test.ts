import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { scriptedServer } from '../../../../test/support/api-protocol.ts';
import { ApiClient } from './api-client.ts';
import { KubeConfigCredentials } from './credentials.ts';

function folder(context: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'heddle-credentials-'));
  context.after(() => rmSync(made, { recursive: true }));
  return made;
}

function kubeconfig(server: string, user: object, cluster: object = {}): string {
  return stringify({
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true, ...cluster } }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}

const tokenOf = (headers: unknown): unknown =>
  (headers as Record<string, unknown>)['Authorization'];

test('a replaced kubeconfig applies from the next request', async (context) => {
  const file = join(folder(context), 'config');
  const credentials = new KubeConfigCredentials({ kubeconfig: file, apiServers: [] });
  writeFileSync(file, kubeconfig('https://192.0.2.1:6443/', { token: 'one\n' }));
  const first = await credentials.access();
  assert.deepEqual(first.servers, ['https://192.0.2.1:6443']);
  assert.equal(tokenOf(first.request.headers), 'Bearer one', 'a line break is no part of a token');
  rmSync(file);
  writeFileSync(file, kubeconfig('https://192.0.2.2:6443', { token: 'two' }));
  const second = await credentials.access();
  assert.deepEqual(second.servers, ['https://192.0.2.2:6443']);
  assert.equal(tokenOf(second.request.headers), 'Bearer two');
});

test('the proxy of a kubeconfig is used, and none if it has none', async (context) => {
  const file = join(folder(context), 'config');
  const proxyUrl = async (cluster: object): Promise<string | undefined> => {
    writeFileSync(file, kubeconfig('https://192.0.2.1:6443', { token: 'x' }, cluster));
    const access = await new KubeConfigCredentials({ kubeconfig: file, apiServers: [] }).access();
    assert.equal(access.proxy === undefined, access.proxyUrl === undefined);
    return access.proxyUrl;
  };
  assert.equal(await proxyUrl({ 'proxy-url': 'http://192.0.2.9:3128' }), 'http://192.0.2.9:3128');
  assert.equal(await proxyUrl({}), undefined);
});

test("configured addresses come first, then the kubelet's, then the agent's own; each once", async (context) => {
  const place = folder(context);
  const own = join(place, 'config');
  const kubelet = join(place, 'kubelet.conf');
  writeFileSync(own, kubeconfig('https://192.0.2.3:6443', { token: 'x' }));
  writeFileSync(kubelet, kubeconfig('https://192.0.2.2:6443', {}));
  const access = (apiServersFrom: string): Promise<{ readonly servers: readonly string[] }> => {
    const apiServers = ['https://192.0.2.1:6443/', 'https://192.0.2.3:6443'];
    return new KubeConfigCredentials({ kubeconfig: own, apiServers, apiServersFrom }).access();
  };
  assert.deepEqual((await access(kubelet)).servers, [
    'https://192.0.2.1:6443',
    'https://192.0.2.3:6443',
    'https://192.0.2.2:6443',
  ]);
  const without = await access(join(place, 'missing'));
  assert.deepEqual(without.servers, ['https://192.0.2.1:6443', 'https://192.0.2.3:6443']);
});

test('a kubeconfig whose context has no cluster is reported', async (context) => {
  const file = join(folder(context), 'config');
  writeFileSync(file, stringify({ contexts: [], 'current-context': 'gone' }));
  await assert.rejects(new KubeConfigCredentials({ kubeconfig: file, apiServers: [] }).access(), {
    name: 'InputError',
    message: `${file}: current-context: gone names no context with a cluster`,
  });
});

test("a kubeconfig's tokenFile is read for each request, relative to the kubeconfig", async (context) => {
  const place = folder(context);
  const file = join(place, 'config');
  writeFileSync(file, kubeconfig('https://192.0.2.1:6443', { tokenFile: 'token', token: 'old' }));
  const credentials = new KubeConfigCredentials({ kubeconfig: file, apiServers: [] });
  for (const token of ['one', 'two']) {
    writeFileSync(join(place, 'token'), `${token}\n`);
    const { request } = await credentials.access();
    assert.equal(tokenOf(request.headers), `Bearer ${token}`);
  }
});

test('a token that the server refuses is read again immediately', async (context) => {
  const tokenFile = join(folder(context), 'token');
  writeFileSync(tokenFile, 'old');
  const server = await scriptedServer(context, (request, response) => {
    if (request.headers.authorization === 'Bearer new') response.end('{}');
    else response.writeHead(401).end('{"reason":"Unauthorized","message":"Unauthorized"}');
  });
  const user = { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } };
  const credentials = new KubeConfigCredentials({ kubeconfig: server.kubeconfig, apiServers: [] });
  const { servers } = await credentials.access();
  writeFileSync(server.kubeconfig, kubeconfig(servers[0] ?? '', user));
  using client = new ApiClient(credentials);
  const { signal } = new AbortController();
  const ask = (): Promise<unknown> =>
    client.json({ path: '/api', verb: 'get', resource: 'test', signal });
  await assert.rejects(ask(), { name: 'ApiError', status: 401 });
  writeFileSync(tokenFile, 'new');
  assert.deepEqual(await ask(), {}, 'and not a minute later');
  assert.deepEqual(
    client.counts.map(({ code, count }) => `${code} ${count}`),
    ['401 1', '200 1'],
  );
});

/** A kubeconfig whose user has this script as a credential program. */
function withProgram(context: TestContext, script: string): string {
  // No part of a program keeps a process alive.
  const running = setInterval(() => undefined, 1_000);
  context.after(() => clearInterval(running));
  const file = join(folder(context), 'config');
  const exec = { apiVersion, command: 'sh', args: ['-c', script], interactiveMode: 'Never' };
  writeFileSync(file, kubeconfig('https://192.0.2.1:6443', { exec }));
  return file;
}

const apiVersion = 'client.authentication.k8s.io/v1';
const said = (status: object): string =>
  JSON.stringify({ apiVersion, kind: 'ExecCredential', status });

test('a credential program that hangs is killed, reported, and started again for the next request', async (context) => {
  const place = folder(context);
  const [started, answer] = [join(place, 'started'), join(place, 'answer')];
  const script = `echo $$ >> ${started}; until test -s ${answer}; do sleep 0.05; done; cat ${answer}`;
  const file = withProgram(context, script);
  const credentials = new KubeConfigCredentials({ kubeconfig: file, apiServers: [] }, 500);
  const told = { message: /config: no credentials for 0\.5 s from the program/ };
  const pids = (): readonly string[] => readFileSync(started, 'utf8').trim().split('\n');
  await Promise.all([1, 2, 3].map(() => assert.rejects(credentials.access(), told)));
  assert.equal(pids().length, 1, 'all that ask meanwhile share one');
  await assert.rejects(credentials.access(), told);
  assert.equal(pids().length, 2);
  writeFileSync(answer, said({ token: 'x' }));
  assert.equal(tokenOf((await credentials.access()).request.headers), 'Bearer x');
  assert.deepEqual(
    pids().filter((pid) => existsSync(`/proc/${pid}`)),
    [],
  );
});

test('the output of a credential program is used until it expires', async (context) => {
  const started = join(folder(context), 'started');
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const rows = [
    { status: { token: 'one' }, starts: 2 },
    { status: { token: 'one', expirationTimestamp: later }, starts: 1 },
    { status: { token: 'one', expirationTimestamp: '2026-01-01T00:00:00Z' }, starts: 2 },
  ];
  for (const { status, starts } of rows) {
    writeFileSync(started, '');
    const file = withProgram(context, `echo >> ${started}; echo '${said(status)}'`);
    const credentials = new KubeConfigCredentials({ kubeconfig: file, apiServers: [] });
    for (const _ of [1, 2])
      assert.equal(tokenOf((await credentials.access()).request.headers), 'Bearer one');
    assert.equal(readFileSync(started, 'utf8').length, starts, JSON.stringify(status));
  }
});

test('certificate and key of a credential program override those of the kubeconfig', async (context) => {
  const status = { clientCertificateData: 'certificate', clientKeyData: 'key' };
  const file = withProgram(context, `echo '${said(status)}'`);
  const { request } = await new KubeConfigCredentials({
    ...{ kubeconfig: file, apiServers: [] },
  }).access();
  assert.deepEqual([String(request.cert), String(request.key)], ['certificate', 'key']);
  assert.equal(tokenOf(request.headers), undefined);
});

test('a credential program that fails, prints something else or does not exist is reported', async (context) => {
  const rows = [
    {
      script: 'echo no login >&2; exit 3',
      told: /config: the credential program sh ended with 3: no login$/,
    },
    {
      script: 'echo secret',
      told: /config: the credential program printed no ExecCredential with a status$/,
    },
    { script: 'yes', told: /config: the credential program sh ended with SIGKILL$/ },
  ];
  for (const { script, told } of rows) {
    const kubeconfig = withProgram(context, script);
    const credentials = new KubeConfigCredentials({ kubeconfig, apiServers: [] });
    await assert.rejects(credentials.access(), { name: 'InputError', message: told });
  }
  const file = join(folder(context), 'config');
  writeFileSync(file, kubeconfig('https://192.0.2.1:6443', { exec: { command: '/none' } }));
  await assert.rejects(new KubeConfigCredentials({ kubeconfig: file, apiServers: [] }).access(), {
    name: 'InputError',
    message: /config: spawn \/none ENOENT$/,
  });
});

test('an auth-provider that starts a program is refused', async (context) => {
  const file = join(folder(context), 'config');
  const provider = { name: 'gcp', config: { 'cmd-path': '/bin/true' } };
  writeFileSync(file, kubeconfig('https://192.0.2.1:6443', { 'auth-provider': provider }));
  await assert.rejects(new KubeConfigCredentials({ kubeconfig: file, apiServers: [] }).access(), {
    name: 'InputError',
    message: /config: auth-provider: gcp with cmd-path is not supported/,
  });
});

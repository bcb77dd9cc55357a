import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { plainAccess, serviceAccountAccess } from './plain-access.ts';

function folder(context: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'heddle-access-'));
  context.after(() => rmSync(made, { recursive: true }));
  return made;
}

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
}

/** With a second context that is not the current one. */
function kubeconfigIn(place: string, { cluster = {}, user = {} }: Parts): string {
  const file = join(place, 'config');
  const server = 'https://192.0.2.1:6443';
  const text = stringify({
    clusters: [
      { name: 'other', cluster: { server, 'proxy-url': 'http://192.0.2.9' } },
      { name: 'main', cluster: { server, ...cluster } },
    ],
    users: [
      { name: 'other', user: { exec: { command: 'login' } } },
      { name: 'me', user },
    ],
    contexts: [
      { name: 'other', context: { cluster: 'other', user: 'other' } },
      { name: 'test', context: { cluster: 'main', user: 'me', namespace: 'x' } },
    ],
    'current-context': 'test',
  });
  writeFileSync(file, text);
  return file;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('certificates come from inline data or from files next to the kubeconfig, read for each request', async (context) => {
  const place = folder(context);
  const file = kubeconfigIn(place, {
    cluster: { 'certificate-authority': 'ca.crt', 'tls-server-name': 'api.example.com' },
    user: {
      'client-certificate-data': base64('certificate'),
      'client-key': join(place, 'client.key'),
    },
  });
  writeFileSync(join(place, 'ca.crt'), 'authority');
  writeFileSync(join(place, 'client.key'), 'first key');
  const access = plainAccess(file);
  assert.equal(access?.server, 'https://192.0.2.1:6443');
  const texts = async (): Promise<readonly unknown[]> => {
    const { request } = (await access?.request()) ?? {};
    return [request?.ca, request?.cert, request?.key, request?.servername].map(String);
  };
  const expected = ['authority', 'certificate', 'first key', 'api.example.com'];
  assert.deepEqual(await texts(), expected);
  writeFileSync(join(place, 'client.key'), 'second key');
  assert.equal((await texts())[2], 'second key');
});

test('a token file is read for each request, and verification is off only on request', async (context) => {
  const place = folder(context);
  writeFileSync(join(place, 'token'), 'one\n');
  const user = { tokenFile: 'token' };
  const verified = await plainAccess(kubeconfigIn(place, { user }))?.request();
  assert.deepEqual(verified?.request.headers, { Authorization: 'Bearer one' });
  assert.equal(verified?.request.rejectUnauthorized, undefined);
  const cluster = { 'insecure-skip-tls-verify': true };
  writeFileSync(join(place, 'token'), 'two');
  const unverified = await plainAccess(kubeconfigIn(place, { user, cluster }))?.request();
  assert.deepEqual(unverified?.request.headers, { Authorization: 'Bearer two' });
  assert.equal(unverified?.request.rejectUnauthorized, false);
});

test('kubeconfigs with other contents, and invalid ones, are left to the library', (context) => {
  const place = folder(context);
  const others: readonly Parts[] = [
    { user: { exec: { command: 'login' } } },
    { user: { 'auth-provider': { name: 'oidc' } } },
    { user: { username: 'somebody', password: 'secret' } },
    { user: { token: 'x', as: 'somebody' } },
    { cluster: { 'proxy-url': 'http://192.0.2.9:3128' } },
    { cluster: { server: '' } },
  ];
  for (const parts of others) {
    assert.equal(plainAccess(kubeconfigIn(place, parts)), undefined, JSON.stringify(parts));
  }
  const broken = join(place, 'broken');
  writeFileSync(broken, 'clusters: [');
  assert.equal(plainAccess(broken), undefined);
});

test("a service account is a token and a CA file, with the address from the pod's environment", async (context) => {
  const place = folder(context);
  writeFileSync(join(place, 'ca.crt'), 'authority');
  writeFileSync(join(place, 'token'), 'token\n');
  const { env } = process;
  const before = { ...env };
  context.after(() => {
    for (const name of ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']) {
      delete env[name];
      if (before[name] !== undefined) env[name] = before[name];
    }
  });
  env['KUBERNETES_SERVICE_HOST'] = '2001:db8::1';
  env['KUBERNETES_SERVICE_PORT'] = '6443';
  const access = serviceAccountAccess(place);
  assert.equal(access.server, 'https://[2001:db8::1]:6443');
  const { request } = await access.request();
  assert.equal(String(request.ca), 'authority');
  assert.deepEqual(request.headers, { Authorization: 'Bearer token' });
  env['KUBERNETES_SERVICE_HOST'] = '';
  assert.equal(serviceAccountAccess(place).server, undefined);
});

// etcd and kube-apiserver alone, on free ports of the loopback (the API server also of another address): enough for a
// program that reads and writes objects, started in a few seconds, without root. There is no controller, no scheduler
// and no kubelet: only the test changes objects.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { exitOf } from '../../../src/lab/spawn.ts';
import { buildPrograms, type Programs, programPath } from '../cluster/programs.ts';
import { type Progress, silent } from '../cluster/progress.ts';
import { eventually } from '../cluster/wait.ts';
import { agentToken, auditFlags } from './audit.ts';

export class BareApiServer implements AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  /** The kubeconfig of a cluster administrator. */
  readonly kubeconfig: string;
  readonly #programs: Programs;
  readonly #ports: Ports;
  readonly #address: string;
  readonly #audit: Readonly<Record<string, string>>;
  readonly #running = new Map<string, ChildProcess>();

  private constructor(programs: Programs, ports: Ports, options: BareApiServerOptions) {
    this.#programs = programs;
    this.#ports = ports;
    this.folder = mkdtempSync(join(tmpdir(), 'heddle-api-server-'));
    this.#address = options.address ?? '127.0.0.1';
    this.url = `https://${this.#address}:${ports.api}`;
    makePki(this.folder, this.#address);
    this.kubeconfig = this.kubeconfigFor({});
    this.#audit = options.isAudited === true ? auditFlags(this.folder) : {};
  }

  static async start(options: BareApiServerOptions = {}): Promise<BareApiServer> {
    const programs = await buildPrograms(options.onProgress ?? silent, undefined, [
      'etcd',
      'kube-apiserver',
    ]);
    const [api, etcd, peer] = await freePorts(3);
    const chosen = { api: api ?? 0, etcd: etcd ?? 0, peer: peer ?? 0 };
    const server = new BareApiServer(programs, chosen, options);
    server.#startEtcd();
    await server.startApi();
    return server;
  }

  /** On another port, clients with the usual address cannot reach it. */
  async startApi(port: number = this.#ports.api): Promise<void> {
    this.#spawn('kube-apiserver', {
      'etcd-servers': `http://127.0.0.1:${this.#ports.etcd}`,
      'service-cluster-ip-range': '10.96.0.0/16',
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': join(this.folder, 'sa.pub'),
      'service-account-signing-key-file': join(this.folder, 'sa.key'),
      'token-auth-file': join(this.folder, 'tokens.csv'),
      'authorization-mode': 'Node,RBAC',
      'bind-address': this.#address,
      'advertise-address': this.#address,
      'endpoint-reconciler-type': 'none',
      'secure-port': String(port),
      'tls-cert-file': join(this.folder, 'api.crt'),
      'tls-private-key-file': join(this.folder, 'api.key'),
      // There is no controller that creates the service accounts of pods.
      'disable-admission-plugins': 'ServiceAccount',
      ...this.#audit,
    });
    await eventually('the API server is ready', () => this.#isReady(port), { timeoutMs: 60_000 });
  }

  /** The key that signs tokens of service accounts. */
  get signingKey(): string {
    return join(this.folder, 'sa.key');
  }

  async stopApi(): Promise<void> {
    await this.#stop('kube-apiserver');
  }

  /** A free port for `startApi`. */
  async otherPort(): Promise<number> {
    return (await freePorts(1))[0] ?? 0;
  }

  /** A kubeconfig file with one change. */
  kubeconfigFor({
    url = this.url,
    ca = 'ca.crt',
    token = 'admin-token',
    tokenFile,
  }: KubeconfigChange): string {
    const file = join(this.folder, `config-${digest(url, ca, token, tokenFile)}`);
    const cluster = { server: url, 'certificate-authority': join(this.folder, ca) };
    const text = stringify({
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'test', user: tokenFile === undefined ? { token } : { tokenFile } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      'current-context': 'test',
    });
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  /** Deletes the whole history, so that a watch from an older version gets 410. */
  async compact(): Promise<void> {
    const found = (await this.#etcd('range', { key: 'AA==' })) as { header: { revision: string } };
    await this.#etcd('compaction', { revision: found.header.revision, physical: true });
  }

  /** Writes objects directly into the API server's store, without its checks and at a hundredth of the cost. */
  async store(objects: ReadonlyMap<string, object>): Promise<void> {
    const all = [...objects].map(([path, object]) => {
      const [key, value] = [`/registry/${path}`, JSON.stringify(object)];
      return { requestPut: { key: base64(key), value: base64(value) } };
    });
    // etcd's limit for one transaction.
    const most = 100;
    for (let start = 0; start < all.length; start += most)
      await this.#etcd('txn', { success: all.slice(start, start + most) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop('kube-apiserver');
    await this.#stop('etcd');
    rmSync(this.folder, { recursive: true });
  }

  async #etcd(call: string, body: object): Promise<unknown> {
    const url = `http://127.0.0.1:${this.#ports.etcd}/v3/kv/${call}`;
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd ${call}: ${await answer.text()}`);
    return answer.json();
  }

  #startEtcd(): void {
    const { etcd, peer } = this.#ports;
    const [clients, peers] = [`http://127.0.0.1:${etcd}`, `http://127.0.0.1:${peer}`];
    this.#spawn('etcd', {
      'data-dir': join(this.folder, 'etcd'),
      'listen-client-urls': clients,
      'advertise-client-urls': clients,
      'listen-peer-urls': peers,
      'initial-advertise-peer-urls': peers,
      'initial-cluster': `default=${peers}`,
      'log-level': 'warn',
      'unsafe-no-fsync': 'true',
    });
  }

  #spawn(name: 'etcd' | 'kube-apiserver', flags: Readonly<Record<string, string>>): void {
    mkdirSync(join(this.folder, 'log'), { recursive: true });
    const log = openSync(join(this.folder, 'log', name), 'a');
    // The process ends with this one, in every case.
    const words = ['--pdeathsig', 'KILL', programPath(this.#programs, name)];
    const options = Object.entries(flags).map(([key, value]) => `--${key}=${value}`);
    const child = spawn('setpriv', [...words, ...options], { stdio: ['ignore', log, log] });
    this.#running.set(name, child);
    closeSync(log);
  }

  async #stop(name: string): Promise<void> {
    const child = this.#running.get(name);
    this.#running.delete(name);
    // A signal from the terminal may have ended it already.
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = exitOf(child, 'exit');
    // There is nothing to save: the process only has to end.
    child.kill('SIGKILL');
    await ended;
  }

  #isReady(port: number): Promise<boolean> {
    if (this.#running.get('kube-apiserver')?.exitCode !== null) {
      const log = readFileSync(join(this.folder, 'log', 'kube-apiserver'), 'utf8');
      throw new Error(`kube-apiserver ended:\n${log.split('\n').slice(-10).join('\n')}`);
    }
    const options = {
      ca: readFileSync(join(this.folder, 'ca.crt')),
      headers: { authorization: 'Bearer admin-token' },
    };
    return new Promise((resolve) => {
      request(`https://${this.#address}:${port}/readyz`, options, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      })
        .on('error', () => resolve(false))
        .end();
    });
  }
}

export interface BareApiServerOptions {
  /** Logs every request of `agentToken`: see `auditedRequests`. */
  readonly isAudited?: boolean;
  /** Of this network namespace; default: 127.0.0.1. */
  readonly address?: string;
  /** Progress of building the programs, which takes minutes the first time. */
  readonly onProgress?: Progress;
}

interface Ports {
  readonly api: number;
  readonly etcd: number;
  readonly peer: number;
}

interface KubeconfigChange {
  readonly url?: string;
  /** `ca.crt`, or `other-ca.crt`, which has signed nothing here. */
  readonly ca?: string;
  readonly token?: string;
  /** Replaces the token. */
  readonly tokenFile?: string;
}

function digest(...words: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 16);
}

// The certificate names the server's address and kubernetes.default.svc, and not 127.0.0.2.
function makePki(folder: string, address: string): void {
  const openssl = (...words: readonly string[]): void => {
    execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  for (const ca of ['ca', 'other-ca']) {
    const files = ['-keyout', `${ca}.key`, '-out', `${ca}.crt`, '-subj', `/CN=${ca}`];
    openssl('req', '-x509', ...ec, '-days', '30', ...files);
  }
  openssl('req', ...ec, '-keyout', 'api.key', '-out', 'api.csr', '-subj', '/CN=kube-apiserver');
  const names = `subjectAltName=IP:${address},DNS:kubernetes.default.svc\n`;
  writeFileSync(join(folder, 'extensions'), names);
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30'];
  const files = ['-extfile', 'extensions', '-out', 'api.crt'];
  openssl('x509', '-req', '-in', 'api.csr', ...signing, ...files);
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'sa.key');
  openssl('pkey', '-in', 'sa.key', '-pubout', '-out', 'sa.pub');
  writeFileSync(
    join(folder, 'tokens.csv'),
    `admin-token,admin,admin,"system:masters"
${agentToken},${agentToken},${agentToken},"system:masters"
nobody-token,nobody,nobody
`,
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

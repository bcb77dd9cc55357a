// An API server of a few resources with real sockets: lists with pages, watches from a version on, bookmarks. While
// `misbehave` is set it answers accordingly, so that a test can show the agent's behaviour meanwhile and afterwards.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { event, kubeconfigText } from './api-protocol.ts';

export interface FakeObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export interface FakeExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly isWatch: boolean;
  readonly server: FakeApiServer;
  /** The number of this request among the requests under this misbehaviour, from 0. */
  readonly index: number;
  /** Answers as a healthy server. */
  readonly answer: () => void;
  /** The whole requested list, as JSON. */
  readonly list: () => string;
}

export type Misbehaviour = (exchange: FakeExchange) => void;

export interface FakeApiServerOptions {
  readonly namespace?: NetworkNamespace | undefined;
  /** Interval of bookmarks in a watch. */
  readonly bookmarkMs?: number;
}

const kinds: Readonly<Record<string, string>> = {
  '/api/v1/nodes': 'Node',
  '/api/v1/namespaces': 'Namespace',
  '/api/v1/pods': 'Pod',
  '/api/v1/services': 'Service',
  '/apis/discovery.k8s.io/v1/endpointslices': 'EndpointSlice',
  '/apis/networking.k8s.io/v1/networkpolicies': 'NetworkPolicy',
};

// The pod whose list is requested.
function podOf({ pathname, searchParams }: URL): string | undefined {
  const [, name] = /^metadata\.name=(.+)$/.exec(searchParams.get('fieldSelector') ?? '') ?? [];
  return /^\/api\/v1\/namespaces\/[^/]+\/pods$/.test(pathname) ? name : undefined;
}

interface Change {
  readonly path: string;
  readonly version: number;
  readonly line: string;
}

interface Watch {
  readonly path: string;
  readonly response: ServerResponse;
  /** Events that are not newer are left out, also later ones, as by a real server. */
  readonly from: number;
}

export class FakeApiServer {
  readonly #objects = new Map<string, Map<string, FakeObject>>();
  readonly #watches = new Set<Watch>();
  readonly #sockets = new Set<Socket>();
  readonly #changes: Change[] = [];
  readonly #bookmarkMs: number;
  #version = 100;
  #met = 0;
  #misbehave: Misbehaviour | undefined;
  /** `GET /api/v1/nodes?watch=1&...`, in the order of their arrival. */
  readonly requests: string[] = [];
  readonly #server: Server;
  kubeconfig = '';
  port = 0;

  private constructor({ bookmarkMs = 100 }: FakeApiServerOptions) {
    this.#bookmarkMs = bookmarkMs;
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) =>
      this.#meet(request, response),
    );
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    });
  }

  static async start(
    context: TestContext,
    options: FakeApiServerOptions = {},
  ): Promise<FakeApiServer> {
    const fake = new FakeApiServer(options);
    await new Promise<void>((resolve) => {
      const listen = (): unknown => fake.#server.listen(0, resolve);
      if (options.namespace === undefined) listen();
      else options.namespace.run(listen);
    });
    const folder = mkdtempSync(join(tmpdir(), 'heddle-fake-api-'));
    fake.port = (fake.#server.address() as AddressInfo).port;
    fake.kubeconfig = join(folder, 'config');
    writeFileSync(fake.kubeconfig, kubeconfigText(`http://127.0.0.1:${fake.port}`));
    context.after(() => {
      fake.#server.close();
      fake.dropConnections();
      rmSync(folder, { recursive: true });
    });
    return fake;
  }

  get version(): number {
    return this.#version;
  }

  get misbehaved(): number {
    return this.#met;
  }

  misbehave(how: Misbehaviour | undefined): void {
    this.#misbehave = how;
    this.#met = 0;
  }

  /** Names of the current objects. */
  names(path: string): readonly string[] {
    return [...(this.#objects.get(path)?.keys() ?? [])].sort();
  }

  put(path: string, object: FakeObject): void {
    const { name } = object.metadata;
    const all = this.#objects.get(path) ?? new Map<string, FakeObject>();
    const type = all.has(name) ? 'MODIFIED' : 'ADDED';
    all.set(name, this.#versioned(object));
    this.#objects.set(path, all);
    this.#changed(path, type, all.get(name) as FakeObject);
  }

  remove(path: string, name: string): void {
    const object = this.#objects.get(path)?.get(name);
    if (object === undefined) return;
    this.#objects.get(path)?.delete(name);
    this.#changed(path, 'DELETED', this.#versioned(object));
  }

  /** Deletes an object without an event in any watch. */
  forget(path: string, name: string): void {
    this.#objects.get(path)?.delete(name);
  }

  /** Ends all watches as a restarting server does. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
    this.#watches.clear();
  }

  /** Forgets the open watches: they stay open, but receive nothing more. */
  forgetWatches(): void {
    this.#watches.clear();
  }

  /** Writes any text to all open watches of a path. */
  say(path: string, text: string | Buffer): void {
    for (const watch of this.#watches) if (watch.path === path) watch.response.write(text);
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#watches.clear();
  }

  #meet(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(`${request.method} ${request.url}`);
    response.on('error', () => undefined);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const isWatch = url.searchParams.get('watch') === '1';
    const answer = (): void => this.#answer(request, response, url);
    if (this.#misbehave === undefined) {
      answer();
      return;
    }
    const list = (): string => this.#list(url);
    const index = this.#met++;
    this.#misbehave({ request, response, url, isWatch, server: this, index, answer, list });
  }

  #answer(request: IncomingMessage, response: ServerResponse, url: URL): void {
    if (request.method !== 'GET') {
      response.setHeader('content-type', 'application/json');
      request.resume().on('end', () => response.end('{}'));
    } else if (podOf(url) !== undefined) {
      const items = [this.#objects.get('/api/v1/pods')?.get(podOf(url) ?? '')].filter(Boolean);
      const metadata = { resourceVersion: String(this.#version) };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata, items }));
    } else if (kinds[url.pathname] === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"code":404}');
    } else if (url.searchParams.get('watch') === '1') this.#watch(response, url);
    else {
      response.setHeader('content-type', 'application/json');
      response.end(this.#list(url));
    }
  }

  #list({ pathname, searchParams }: URL): string {
    const limit = Number(searchParams.get('limit') ?? 500);
    const start = Number(searchParams.get('continue') ?? 0);
    const all = [...(this.#objects.get(pathname)?.values() ?? [])];
    const next = start + limit < all.length ? String(start + limit) : undefined;
    return JSON.stringify({
      kind: `${kinds[pathname]}List`,
      apiVersion: 'v1',
      metadata: { resourceVersion: String(this.#version), ...(next && { continue: next }) },
      items: all.slice(start, start + limit),
    });
  }

  #watch(response: ServerResponse, { pathname: path, searchParams }: URL): void {
    const from = Number(searchParams.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    for (const change of this.#changes)
      if (change.path === path && change.version > from) response.write(change.line);
    const watch = { path, response, from };
    this.#watches.add(watch);
    const bookmarks = setInterval(() => {
      if (this.#watches.has(watch) && from <= this.#version) response.write(this.bookmark(path));
    }, this.#bookmarkMs).unref();
    const end = setTimeout(
      () => response.end(),
      Number(searchParams.get('timeoutSeconds')) * 1_000,
    ).unref();
    response.on('close', () => {
      this.#watches.delete(watch);
      clearInterval(bookmarks);
      clearTimeout(end);
    });
  }

  bookmark(path: string): string {
    const metadata = { resourceVersion: String(this.#version) };
    return event('BOOKMARK', { kind: kinds[path], metadata });
  }

  #versioned(object: FakeObject): FakeObject {
    const resourceVersion = String(++this.#version);
    return { ...object, metadata: { ...object.metadata, ...{ resourceVersion } } };
  }

  #changed(path: string, type: string, object: FakeObject): void {
    const line = event(type, { kind: kinds[path], ...object });
    this.#changes.push({ path, version: this.#version, line });
    for (const watch of this.#watches)
      if (watch.path === path && this.#version > watch.from) watch.response.write(line);
  }
}

// A reflector of Nodes with its own server, on a clock that the test moves: hours pass in a second.

import { PassThrough } from 'node:stream';
import type { TestContext } from 'node:test';
import { requireFixed } from '../../src/cluster/kubernetes/fixed-fields.ts';
import { ObjectStore } from '../../src/cluster/kubernetes/object-store.ts';
import { Reflector } from '../../src/cluster/kubernetes/reflector.ts';
import type { ReflectorOptions } from '../../src/cluster/kubernetes/reflector-options.ts';
import type { ReflectorState } from '../../src/cluster/kubernetes/resource-state.ts';
import { readObject } from '../../src/cluster/kubernetes/resources.ts';
import type { ClusterNode } from '../../src/cluster/objects.ts';
import { event } from './api-protocol.ts';

export class SimulatedNodes {
  /** Number of requested full lists. */
  lists = 0;
  /** Seconds since the start. */
  seconds = 0;
  readonly #raw = new Map<string, object>();
  readonly #watches = new Set<PassThrough>();
  readonly #context: TestContext;
  readonly #now = performance.now();
  readonly #store = new ObjectStore(
    (key, raw) => readObject('Node', key, raw),
    () => undefined,
    { requireFixed: (versions) => requireFixed('Node', versions) },
  );
  readonly #reflector: Reflector;
  #version = 1;

  constructor(context: TestContext) {
    this.#context = context;
    context.mock.timers.enable({ apis: ['setTimeout'] });
    // Not a mock: it would keep a stack trace of each call, a tenth of the time of these tests.
    const { now } = performance;
    performance.now = () => this.#now + this.seconds * 1_000;
    context.after(() => {
      performance.now = now;
    });
    this.#reflector = new Reflector({
      ...{ resource: 'nodes', kind: 'Node', path: '/api/v1/nodes', selectors: {} },
      client: this.#client(),
      store: this.#store,
      random: () => 0,
      onChange: () => undefined,
    });
  }

  get state(): ReflectorState {
    return this.#reflector.state;
  }

  /** The addresses according to the reflector; undefined: it knows no such Node. */
  addresses(name: string): readonly string[] | undefined {
    return this.#node(name)?.addresses.map(String);
  }

  ranges(name: string): readonly string[] | undefined {
    return this.#node(name)?.podCidrs.map(String);
  }

  #node(name: string): ClusterNode | undefined {
    return this.#store.view().get(name) as ClusterNode | undefined;
  }

  /** `isSilent`: without an event in any watch. */
  put(name: string, range: string, addresses: readonly string[], isSilent = false): void {
    const isNew = !this.#raw.has(name);
    const resourceVersion = String(++this.#version);
    const node = {
      metadata: { name, uid: `uid-${name}`, resourceVersion },
      spec: { podCIDRs: [range] },
      status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
    };
    this.#raw.set(name, node);
    if (!isSilent) this.#tell(isNew ? 'ADDED' : 'MODIFIED', node);
  }

  /** Without an event in any watch. */
  deleteSilently(name: string): void {
    this.#raw.delete(name);
  }

  /** The first call starts the reflector, with the existing Nodes. */
  async pass(seconds: number, stepSeconds = 1): Promise<void> {
    if (this.seconds === 0) this.#begin();
    const end = this.seconds + seconds;
    while (this.seconds < end) {
      this.seconds += stepSeconds;
      this.#context.mock.timers.tick(stepSeconds * 1_000);
      // Without any message in the watch, everything would be listed again.
      if (this.seconds % 60 === 0) this.#bookmark();
      await settled();
    }
  }

  #begin(): void {
    const stop = new AbortController();
    const running = this.#reflector.run(stop.signal);
    this.#context.after(async () => {
      stop.abort();
      for (const watch of this.#watches) watch.destroy();
      await running;
    });
  }

  #bookmark(): void {
    this.#tell('BOOKMARK', { metadata: { resourceVersion: String(++this.#version) } });
  }

  #tell(type: string, object: object): void {
    for (const watch of this.#watches) watch.write(event(type, object));
  }

  #client(): ReflectorOptions['client'] {
    return {
      avoid: () => undefined,
      onRecovered: () => () => undefined,
      answer: async () => {
        this.lists++;
        const metadata = { resourceVersion: String(++this.#version) };
        return { json: { metadata, items: [...this.#raw.values()] }, server: 'a' };
      },
      open: async ({ path }) => {
        const watch = new PassThrough();
        this.#watches.add(watch);
        watch.on('close', () => this.#watches.delete(watch));
        const seconds = Number(new URLSearchParams(path.split('?')[1]).get('timeoutSeconds'));
        setTimeout(() => watch.end(), seconds * 1_000);
        return { response: watch as never, server: 'a', askedAt: performance.now() };
      },
    };
  }
}

// Waits for streams and promises that need no timer.
async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
}

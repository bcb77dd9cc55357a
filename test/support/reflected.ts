// A reflector with a server that answers as its test says.

import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { ApiClient } from '../../src/cluster/kubernetes/client/api-client.ts';
import { type ApiTimes, apiTimes } from '../../src/cluster/kubernetes/client/api-times.ts';
import { KubeConfigCredentials } from '../../src/cluster/kubernetes/client/credentials.ts';
import { requireFixed } from '../../src/cluster/kubernetes/fixed-fields.ts';
import { ObjectStore } from '../../src/cluster/kubernetes/object-store.ts';
import { Reflector } from '../../src/cluster/kubernetes/reflector.ts';
import type { ReflectorOptions } from '../../src/cluster/kubernetes/reflector-options.ts';
import { readObject } from '../../src/cluster/kubernetes/resources.ts';
import { type ScriptedAnswer, type ScriptedServer, scriptedServer } from './api-protocol.ts';

export interface Reflected {
  readonly server: ScriptedServer;
  readonly reflector: Reflector;
  readonly keys: () => readonly string[];
  readonly uid: (key: string) => string | undefined;
  /** Creation time, according to the last accepted version. */
  readonly createdAt: (key: string) => number | undefined;
  /** Problems with objects, as text. */
  readonly problems: () => readonly string[];
  /** Every set of keys so far, in order, without repetition. */
  readonly history: string[];
  /** Resolves when the condition holds, which is checked after every change. */
  until(condition: () => boolean): Promise<void>;
}

export type ReflectOptions = Partial<ApiTimes> &
  Pick<ReflectorOptions, 'held' | 'canHold' | 'expected'> & {
    /** Addresses of servers that are tried before the one that answers as the test says. */
    readonly apiServers?: readonly string[];
  };

/** A reflector of namespaces. */
export async function reflect(
  context: TestContext,
  answer: ScriptedAnswer,
  { held, canHold, expected, apiServers = [], ...times }: ReflectOptions = {},
): Promise<Reflected> {
  const server = await scriptedServer(context, answer);
  const stop = new AbortController();
  const credentials = new KubeConfigCredentials({ kubeconfig: server.kubeconfig, apiServers });
  const client = new ApiClient(credentials);
  const history: string[] = [];
  const waiting = new Set<() => void>();
  const onChange = (): void => {
    const text = [...store.view().keys()].sort().join(' ');
    if (history.at(-1) !== text) history.push(text);
    for (const wake of waiting) wake();
  };
  const store = new ObjectStore((key, raw) => readObject('Namespace', key, raw), onChange, {
    requireFixed: (versions) => requireFixed('Namespace', versions),
  });
  const reflector = new Reflector({
    client,
    resource: 'namespaces',
    kind: 'Namespace',
    path: '/api/v1/namespaces',
    selectors: { labelSelector: '!hidden' },
    store,
    onChange,
    bookmarking: new Set(),
    ...{ held, canHold, expected },
    random: () => 0,
    times: { ...apiTimes, backoff: { firstMs: 20, maxMs: 40 }, ...times },
  });
  const running = reflector.run(stop.signal);
  context.after(async () => {
    stop.abort();
    await running;
    client[Symbol.dispose]();
  });
  return {
    server,
    reflector,
    history,
    keys: () => [...store.view().keys()].sort(),
    uid: (key) => store.view().get(key)?.uid,
    createdAt: (key) => store.view().get(key)?.createdAt,
    problems: () => Array.from(store.problems, ({ text }) => text),
    until: (condition) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (condition()) resolve();
        };
        waiting.add(check);
        const timer = setInterval(check, 10);
        context.after(() => clearInterval(timer));
        check();
      }),
  };
}

export const isWatch = (url: URL): boolean => url.searchParams.get('watch') === '1';

/** Answers a list with `list`, and the watches with `watches` one after the other; the last one stays open. */
export function script(
  list: () => string,
  watches: readonly ((response: ServerResponse) => void)[],
): ScriptedAnswer {
  let next = 0;
  return (_, response, url) => {
    if (!isWatch(url)) {
      response.end(list());
      return;
    }
    response.writeHead(200).flushHeaders();
    watches[next++]?.(response);
  };
}

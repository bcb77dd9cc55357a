// Two servers, of which the first answers wrongly: the agent continues with the second, whatever the fault.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import {
  event,
  namespaceObject,
  scriptedServer,
  servedPage,
} from '../../../../test/support/api-protocol.ts';
import { isWatch, reflect } from '../../../../test/support/reflected.ts';

interface Sick {
  readonly title: string;
  readonly list?: string;
  readonly watch?: (response: ServerResponse) => void;
  /** Number of other nodes to which the kernel has routes. */
  readonly held?: number;
}

const bookmark = (version: string): string =>
  event('BOOKMARK', { metadata: { resourceVersion: version } });

const b = namespaceObject('b', '12');

const faults: readonly Sick[] = [
  { title: 'lists of another kind', list: '{"kind":"Status","metadata":{}}' },
  { title: 'lists without a version', list: servedPage([], { version: '' }) },
  { title: 'lists with an object without a name', list: servedPage([{ metadata: {} }]) },
  { title: 'lists in a circle', list: servedPage([], { next: 'again' }) },
  { title: 'lists that are too long', list: ' '.repeat(25 * 2 ** 20) },
  { title: 'an empty list after a start with routes to others', list: servedPage([]), held: 1 },
  { title: 'watches that end immediately', watch: (response) => response.end() },
  {
    title: 'watches that say nothing after a bookmark',
    watch: (response) => response.write(bookmark('11')),
  },
  {
    title: 'watches that say nothing after a bookmark of a version to come',
    watch: (response) => response.write(bookmark('90000')),
  },
  { title: 'watches of garbage', watch: (response) => response.write('<html>\n') },
  { title: 'watches of half an event', watch: (response) => response.write('{"type":') },
  {
    title: 'watches of old events',
    watch: (response) => response.write(event('DELETED', namespaceObject('a', '9'))),
  },
  {
    title: 'watches of errors',
    watch: (response) => response.write(event('ERROR', { code: 403, reason: 'Forbidden' })),
  },
];

for (const { title, list, watch, held = 0 } of faults)
  test(`the second server is used after ${title}`, async (context) => {
    const sick = await scriptedServer(context, (_, response, url) => {
      if (!isWatch(url)) {
        response.end(list ?? servedPage([namespaceObject('a', '5')]));
        return;
      }
      response.writeHead(200).flushHeaders();
      watch?.(response);
    });
    const running = await reflect(
      context,
      (_, response, url) => {
        if (!isWatch(url)) {
          response.end(servedPage([namespaceObject('a', '5'), b], { version: '12' }));
          return;
        }
        response.writeHead(200).flushHeaders();
        if (Number(url.searchParams.get('resourceVersion')) < 12) response.write(event('ADDED', b));
      },
      {
        apiServers: [sick.address],
        held: () => held,
        settledMs: 20,
        watchSilenceMs: 100,
        halfEventMs: 50,
        doubtMs: 5,
      },
    );
    await running.until(() => running.keys().includes('b'));
    await running.until(() => running.server.requests.some(isWatch));
    const asked = sick.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(sick.requests.length, asked);
    assert.ok(asked <= 6, `${asked} requests to the sick server`);
  });

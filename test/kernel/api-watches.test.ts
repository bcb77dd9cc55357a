// Watches that are silent, end, or send invalid events: see test/support/misbehaviour.ts.

import { describe, test } from 'node:test';
import { event } from '../support/api-protocol.ts';
import type { FakeExchange, Misbehaviour } from '../support/fake-api-server.ts';
import {
  body,
  drip,
  json,
  type MisbehaviourCase,
  misbehave,
  nodes,
  ready,
  watches,
} from '../support/misbehaviour.ts';

/** A watch that sends this and stays open, or ends. */
function watch(
  text: string | Buffer | ((exchange: FakeExchange) => string),
  ends = true,
): Misbehaviour {
  return watches((exchange) => {
    const { response } = exchange;
    response.writeHead(200, json).flushHeaders();
    const said = typeof text === 'function' ? text(exchange) : text;
    if (ends) response.end(said);
    else response.write(said);
  });
}

const quiet = watches(({ response }) => ready(response));
const nodeEvent = (type: string, version: string, name = 'node-9'): string =>
  event(type, { kind: 'Node', metadata: { name, resourceVersion: version } });

const cases: readonly MisbehaviourCase[] = [
  {
    title: 'watches that end immediately',
    bad: watch(''),
    says: /ended 3 watches in a row immediately, without an event/,
  },
  {
    title: 'watches that break immediately',
    bad: watches(({ response }) => {
      ready(response);
      setTimeout(() => response.destroy(), 2);
    }),
    says: /ended 3 watches in a row immediately, without an event/,
  },
  { title: 'watches with nothing but line ends', bad: watch('\n\n \n'), says: /without an event/ },
  {
    title: 'watches with half an event',
    bad: watch('{"type":"ADDED","obj'),
    says: /without an event/,
  },
  {
    title: 'watches that drip',
    bad: watches(drip('{', 40)),
    says: /half an event, and then nothing/,
  },
  {
    title: 'watches in HTML',
    bad: watches(body('<html>', 200, { 'content-type': 'text/html; charset=utf-8' })),
    says: /watch .*text\/html; charset=utf-8 instead of JSON/,
  },
  {
    title: 'watches in HTML that say they are JSON',
    bad: watch('<html>\n'),
    says: /watch .*the answer is not a watch: it is not JSON/,
  },
  {
    title: 'watches that say nothing, though there are bookmarks',
    bad: quiet,
    says: /nothing received for 2 s, not even a bookmark/,
  },
  {
    title: 'watches that were forgotten',
    bad: watches(({ answer }) => answer()),
    begin: (server) => server.forgetWatches(),
    says: /nothing received for/,
  },
  {
    title: 'a bookmark of a version that the server has not reached',
    bad: watches(({ answer }) => answer()),
    begin: (server) => {
      server.say(nodes, event('BOOKMARK', { metadata: { resourceVersion: '90000' } }));
      setTimeout(() => server.endWatches(), 50);
    },
    says: /watch nodes: nothing received for/,
  },
  {
    title: 'an event of a version that the server has not reached',
    bad: watches(({ answer }) => answer()),
    begin: (server) => {
      server.say(nodes, nodeEvent('ADDED', '90000'));
      setTimeout(() => server.endWatches(), 50);
    },
    says: /watch nodes: nothing received for/,
  },
  {
    title: 'a line longer than any object',
    bad: watches(({ response, url, answer }) => {
      if (url.pathname !== nodes) return answer();
      ready(response);
      response.write('x'.repeat(9_000_000));
    }),
    says: /an event is longer than/,
  },
  {
    title: 'an event of an unknown type',
    bad: watch(nodeEvent('REPLACED', '500')),
    says: /an event of type "REPLACED"/,
  },
  {
    title: 'an event of another kind',
    bad: watch(event('ADDED', { kind: 'Secret', metadata: { name: 'x', resourceVersion: '500' } })),
    says: /kind is "Secret" instead of/,
  },
  {
    title: 'an event without an object',
    bad: watch('{"type":"ADDED"}\n'),
    says: /an object is not a map/,
  },
  {
    title: 'an event that is not UTF-8',
    bad: watch(Buffer.from('{"type":"ADDED","object":{"metadata":{"name":"\xff"}}}\n', 'latin1')),
    says: /not UTF-8/,
  },
  {
    title: 'ERROR 410 in a watch',
    bad: watch(event('ERROR', { code: 410, reason: 'Expired' })),
    says: /410 Expired/,
  },
  {
    title: 'ERROR 500 in a watch',
    bad: watch(event('ERROR', { code: 500, message: 'etcd' })),
    says: /watch .*: 500 etcd/,
  },
  {
    title: 'ERROR of nothing in a watch',
    bad: watch('{"type":"ERROR","object":[7]}\n'),
    says: /watch .*: 500/,
  },
  {
    title: 'bookmarks without a version',
    bad: watch(event('BOOKMARK', { metadata: {} })),
    enough: 12,
  },
  {
    title: 'bookmarks that go back',
    bad: watch(event('BOOKMARK', { metadata: { resourceVersion: '2' } })),
    enough: 12,
  },
  {
    title: 'a flood of bookmarks',
    bad: watch(({ server, url }) =>
      url.pathname === nodes ? server.bookmark(nodes).repeat(2_000) : '',
    ),
    enough: 12,
  },
  {
    title: 'the deleted object is unknown',
    bad: watch(({ url }) => (url.pathname === nodes ? nodeEvent('DELETED', '600', 'nobody') : '')),
    enough: 12,
  },
  {
    title: 'the modified object is unknown, and deleted twice',
    bad: watch(({ url }) =>
      url.pathname === nodes
        ? nodeEvent('MODIFIED', '600') + nodeEvent('DELETED', '601') + nodeEvent('DELETED', '601')
        : '',
    ),
    enough: 12,
  },
  ...['MODIFIED', 'DELETED'].map(
    (type): MisbehaviourCase => ({
      title: `an event ${type} from before the watch`,
      bad: watch(({ url }) => (url.pathname === nodes ? nodeEvent(type, '20', 'node-2') : '')),
      says: /watch nodes: .*node-2 in a version from before the watch began/,
    }),
  ),
  {
    title: 'an event without a version',
    bad: watch(event('DELETED', { metadata: { namespace: 'shop', name: 'a' } }), false),
    says: /watch pods, .*shop\/a without a version/,
  },
  {
    title: 'an object goes back to an older version',
    bad: watch(({ url }) =>
      url.pathname === nodes
        ? nodeEvent('MODIFIED', '602', 'node-2') + nodeEvent('MODIFIED', '601', 'node-2')
        : '',
    ),
    says: /node-2 in a version older than one already sent/,
  },
];

describe('an API server whose watches are invalid', { concurrency: 8 }, () => {
  for (const one of cases) test(one.title, (context) => misbehave(context, one));
});

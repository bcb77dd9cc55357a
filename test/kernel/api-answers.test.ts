// All kinds of wrong lists and answers: see test/support/misbehaviour.ts.

import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { FakeExchange, Misbehaviour } from '../support/fake-api-server.ts';
import {
  body,
  drip,
  gone,
  json,
  lists,
  type MisbehaviourCase,
  misbehave,
  nodes,
  ready,
  refusedRequest,
  watches,
} from '../support/misbehaviour.ts';

/** The list with one change. */
function changed(
  change: (list: { metadata: Record<string, unknown>; items: unknown[]; kind?: unknown }) => void,
): Misbehaviour {
  return lists((exchange) => {
    const list = JSON.parse(exchange.list());
    change(list);
    body(JSON.stringify(list))(exchange);
  });
}

/** Bytes on the connection that bypass the HTTP server. */
function raw(text: string, { ends = true } = {}): Misbehaviour {
  return ({ request }) => {
    request.socket.write(text);
    if (ends) request.socket.end();
  };
}

const half: Misbehaviour = ({ response, list }) => {
  const text = list();
  response.writeHead(200, { ...json, 'content-length': text.length });
  response.write(text.slice(0, text.length / 2));
};

const silent: Misbehaviour = () => undefined;

const clusterScoped = /\/(nodes|namespaces|clusternetworkpolicies)$/;
const scopeOf = ({ url }: FakeExchange): object =>
  clusterScoped.test(url.pathname) ? {} : { namespace: 'x' };

const retryAfter = (value: string): MisbehaviourCase => ({
  title: `503 with Retry-After: ${value}`,
  bad: refusedRequest(503, { 'retry-after': value }),
  says: /API server: .*: 503 Some: no$/,
});

const cases: readonly MisbehaviourCase[] = [
  {
    title: 'connections are closed',
    bad: ({ request }) => request.socket.destroy(),
    begin: (server) => server.dropConnections(),
    says: /the connection broke/,
  },
  {
    title: 'connections are reset',
    bad: ({ request }) => request.socket.resetAndDestroy(),
    begin: (server) => server.dropConnections(),
    says: /the connection broke/,
  },
  {
    title: 'nothing is answered',
    bad: silent,
    says: /no answer in time \(nothing within 1 s\)/,
  },
  {
    title: 'the head of the answer never ends',
    bad: raw('HTTP/1.1 200 OK\r\ncontent-type: appl', { ends: false }),
    says: /no answer in time/,
  },
  {
    title: 'the head is longer than any',
    bad: raw(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`),
    says: /headers of its answer are longer/,
  },
  {
    title: 'thousands of headers',
    bad: raw(`HTTP/1.1 503 No\r\n${'x: y\r\n'.repeat(1_900)}content-length: 0\r\n\r\n`),
    says: /503/,
  },
  {
    title: 'no HTTP at all',
    bad: raw('SSH-2.0-OpenSSH_9.6\r\n'),
    says: /API server: http:\/\/127.0.0.1/,
  },
  {
    title: 'HTTP/1.0 that ends half way',
    bad: lists(
      raw('HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{"metadata":{"resourceV'),
    ),
    says: /it is not JSON, or not all of it/,
  },
  {
    title: '100 Continue for ever',
    bad: ({ request }) => {
      const timer = setInterval(
        () => request.socket.write('HTTP/1.1 100 Continue\r\n\r\n'),
        20,
      ).unref();
      request.socket.on('close', () => clearInterval(timer));
    },
    says: /no answer in time/,
  },
  {
    title: '101 Switching Protocols',
    bad: raw('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: spdy\r\n\r\n', {
      ends: false,
    }),
    says: /another protocol/,
  },
  {
    title: '204 without anything',
    bad: ({ response }) => response.writeHead(204).end(),
    says: /status 204/,
  },
  { title: '206 with a part', bad: body('{}', 206), says: /status 206/ },
  {
    title: 'a redirect',
    bad: body('', 302, { location: 'http://user:secret@127.0.0.1:1/' }),
    says: /302 \(redirects are not followed\)/,
  },
  { title: '401', bad: refusedRequest(401), says: /401 Some: no .*credentials/ },
  { title: '403', bad: refusedRequest(403), says: /403 Some: no .*ClusterRole/ },
  {
    title: '401 and 403 by turns',
    bad: (exchange) => refusedRequest(exchange.index % 2 === 0 ? 401 : 403)(exchange),
    says: /40[13]/,
  },
  { title: '404 for what every cluster has', bad: refusedRequest(404), says: /404/ },
  {
    title: '400 for the version of a watch',
    bad: watches(refusedRequest(400)),
    says: /watch .*: 400/,
  },
  { title: '410 for everything', bad: gone, says: /410 Expired/ },
  { title: '410 for watches', bad: watches(gone), says: /410 Expired/ },
  {
    title: '500 whose text has a token and is long',
    bad: refusedRequest(
      500,
      {},
      `Authorization: Bearer s3cr3t-token ${'x'.repeat(9_999)}\u001b[2J`,
    ),
    says: /500 Some: Authorization: Bearer <removed> x+\.\.\.$/,
  },
  {
    title: '502 in HTML',
    bad: body('<html>\n<h1>Bad Gateway</h1>', 502, { 'content-type': 'text/html' }),
    says: /502 <html> <h1>Bad Gateway/,
  },
  ...[
    '0',
    '1',
    '86400',
    '3000000',
    '-1',
    'abc',
    '99999999999999999999999',
    new Date(Date.now() + 9e9).toUTCString(),
    'Thu, 01 Jan 1970 00:00:00 GMT',
  ].map(retryAfter),
  {
    title: '429 whose body never ends',
    bad: ({ response }) => {
      response.writeHead(429, { ...json, 'retry-after': '1' });
      response.write('{"kind":');
    },
    says: /429/,
  },
  {
    title: '200 in HTML for all',
    bad: body('<html>', 200, { 'content-type': 'text/html' }),
    says: /text\/html instead of JSON/,
  },
  {
    title: '200 in HTML that says it is JSON',
    bad: body('<html>'),
    says: /not JSON, or not all of it \(6 bytes; it begins <html>\)|is not a watch/,
  },
  {
    title: '200 of Protobuf',
    bad: body('k8s\0', 200, { 'content-type': 'application/vnd.kubernetes.protobuf' }),
    says: /protobuf instead of JSON/,
  },
  { title: '200 of nothing', bad: body(''), says: /without an event|it is empty/ },
  {
    title: '200 compressed',
    bad: ({ response, list }) =>
      body(gzipSync(list()), 200, { ...json, 'content-encoding': 'gzip' })({
        response,
      } as FakeExchange),
    says: /compressed \(gzip\)/,
  },
  {
    title: '200 compressed that does not say so',
    bad: lists((exchange) => body(gzipSync(exchange.list()))(exchange)),
    says: /not UTF-8/,
  },
  { title: '200 with null', bad: lists(body('null')), says: /the list is not a map/ },
  { title: '200 with a list of JSON', bad: lists(body('[]')), says: /the list is not a map/ },
  {
    title: 'a Status with 200',
    bad: lists(body('{"kind":"Status","status":"Failure"}')),
    says: /kind is "Status" instead of/,
  },
  {
    title: 'half a list, and silence',
    bad: lists(half),
    says: /no answer in time \(the answer stopped for/,
  },
  {
    title: 'half a list, and the end',
    bad: lists((exchange) => {
      half(exchange);
      setTimeout(() => exchange.response.destroy(), 10);
    }),
    says: /the connection broke|aborted/,
  },
  {
    title: 'a list cut in chunks',
    bad: lists(({ response, list }) => {
      ready(response);
      response.write(list().slice(0, 50), () => response.destroy());
    }),
    says: /the connection broke|aborted/,
  },
  { title: 'a list that drips', bad: lists(drip(' ', 40)), says: /did not end within/ },
  {
    title: 'a list of another kind',
    bad: changed((list) => {
      list.kind = 'SecretList';
    }),
    says: /kind is "SecretList" instead of \w+List/,
  },
  {
    title: 'a list with null in it',
    bad: changed((list) => list.items.push(null)),
    says: /items\[\d+\]: an object is not a map/,
  },
  {
    title: 'a list with an object without a name',
    bad: changed((list) => list.items.push({ metadata: {} })),
    says: /items\[\d+\] has no name/,
  },
  {
    title: 'a list with a Node in a namespace',
    bad: changed((list) => {
      if (list.kind === 'NodeList')
        list.items.push({ metadata: { name: 'node-2', namespace: 'x' } });
    }),
    says: /list nodes: .*items\[\d+\]: a Node with a namespace/,
  },
  {
    title: 'a list whose items are a text',
    bad: changed((list) => Object.assign(list, { items: 'x' })),
    says: /items is not a list/,
  },
  {
    title: 'a list without a version',
    bad: changed((list) => delete list.metadata['resourceVersion']),
    says: /resourceVersion is not a version/,
  },
  {
    title: 'a list of version 0',
    bad: changed((list) => {
      list.metadata['resourceVersion'] = '0';
    }),
    says: /resourceVersion is not a version/,
  },
  {
    title: 'a list that is not UTF-8',
    bad: lists(body(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))),
    says: /not UTF-8/,
  },
  {
    title: 'a list that is empty',
    bad: changed((list) => {
      list.items = [];
    }),
    says: /the list is empty, but there were/,
  },
  {
    title: 'a list without our own Node',
    bad: changed((list) => {
      list.items = list.items.filter((item) => !JSON.stringify(item).includes('"node-1"'));
    }),
    says: /lacks node-1/,
  },
  {
    title: 'a list of a third',
    bad: changed((list) => {
      list.items = list.items.slice(0, 3);
    }),
    says: /the list has 3, but there were/,
  },
  ...[1, 3].map((lacking): MisbehaviourCase => {
    let isFirst = true;
    return {
      title: `one list that lacks ${lacking} of 8 Nodes, then well ones`,
      bad: (exchange) => {
        if (exchange.url.pathname !== nodes || !isFirst) return exchange.answer();
        if (exchange.isWatch) return gone(exchange);
        isFirst = false;
        const list = JSON.parse(exchange.list());
        list.items.splice(-lacking);
        body(JSON.stringify(list))(exchange);
      },
      enough: 10,
    };
  }),
  {
    title: 'an older list',
    bad: lists((exchange) =>
      body(JSON.stringify({ metadata: { resourceVersion: '7' }, items: [] }))(exchange),
    ),
    says: /older than an earlier answer of the API server/,
  },
  {
    title: 'continue tokens in a circle',
    bad: changed((list) => {
      list.metadata['continue'] = '0';
    }),
    says: /the pages contain no new objects/,
  },
  {
    title: 'empty pages without end',
    bad: lists((exchange) =>
      body(
        JSON.stringify({
          metadata: { resourceVersion: '500', continue: `t${exchange.index}` },
          items: [],
        }),
      )(exchange),
    ),
    says: /the pages contain no new objects/,
  },
  {
    title: 'short pages without end',
    bad: lists((exchange) =>
      body(
        JSON.stringify({
          metadata: { resourceVersion: '500', continue: `t${exchange.index}` },
          items: [{ metadata: { ...scopeOf(exchange), name: `x-${exchange.index}` } }],
        }),
      )(exchange),
    ),
    enough: 10,
  },
  {
    title: '410 for each continue',
    bad: lists((exchange) => {
      if (exchange.url.searchParams.has('continue')) return gone(exchange);
      const list = JSON.parse(exchange.list());
      list.metadata.continue = 'x';
      body(JSON.stringify(list))(exchange);
    }),
    says: /410 Expired/,
  },
];

describe('an API server that answers wrongly', { concurrency: 8 }, () => {
  for (const one of cases) test(one.title, (context) => misbehave(context, one));
});

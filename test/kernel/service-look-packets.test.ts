// The current connections to Services by packets, in a table so long that the kernel's answer arrives in many pieces.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { ConnectionFilter } from '../../src/agent/views/connection-filter.ts';
import {
  type ConnectionNames,
  packetConnections,
} from '../../src/agent/views/packet-connections.ts';
import type { ServiceConnection, ServiceConnections } from '../../src/api/service-connections.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { serviceMarks } from '../../src/model/ids.ts';
import { placeOf, runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const names: ConnectionNames = {
  owner: (address) =>
    address === '192.0.2.7'
      ? { kind: 'pod', node: 'n1', pod: { namespace: 'shop', name: 'client' } }
      : { kind: 'world' },
  frontend: ({ address }) => (address === '10.96.0.1' ? { service: 'shop/web' } : {}),
};
const ours = serviceMarks.tag + 5;
const tcp = '-p tcp --dport 80 --state ESTABLISHED -u ASSURED,SEEN_REPLY';
const udp = '-p udp --dport 80';
const web = '-d 10.96.0.1 --dst-nat 192.0.2.2';

function insert(namespace: NetworkNamespace, line: string): void {
  runIn(namespace, 'conntrack', '-I', '-t', '120', ...line.split(' '));
}

/** Many at once. The program opens its input by name, which must be a pipe. */
function insertAll(namespace: NetworkNamespace, lines: readonly string[]): void {
  const { namespacePath } = placeOf(namespace);
  execFileSync('nsenter', [`--net=${namespacePath}`, 'sh', '-c', 'cat | conntrack -R -'], {
    input: lines.map((line) => `-I -t 120 ${line}\n`).join(''),
    stdio: ['pipe', 'ignore', 'ignore'],
  });
}

interface Look extends ConnectionFilter {
  readonly limit?: number;
  readonly isLate?: boolean;
}

async function look(
  namespace: NetworkNamespace,
  { limit = 10_000, isLate = false, ...filter }: Look = {},
): Promise<ServiceConnections & { readonly pieces: number }> {
  const found = packetConnections({ names, namespace }, filter, { limit, isLate: () => isLate });
  const connections: ServiceConnection[] = [];
  for (let pieces = 0; ; pieces++) {
    const { done, value } = await found.next();
    if (done === true) return { connections, pieces, ...(value !== undefined && { cut: value }) };
    connections.push(...value);
  }
}

rootTest('no connection: nothing is shown', async (context) => {
  assert.deepEqual(await look(testNamespace(context)), { connections: [], pieces: 0 });
});

rootTest('only translated connections with the mark of Services are shown', async (context) => {
  const namespace = testNamespace(context);
  for (const line of [
    `-s 192.0.2.7 ${web} ${tcp} --sport 1 -m ${ours}`,
    `-s 203.0.113.7 ${web} --src-nat 192.0.2.1 ${udp} --sport 2 -m ${ours}`,
    `-s 2001:db8:7::7 -d fd00:96::1 --dst-nat 2001:db8:1::2 ${tcp} --sport 3 -m ${ours}`,
    // Another program's marks, and a connection that is not translated.
    `-s 192.0.2.7 ${web} ${tcp} --sport 4 -m ${0x4900_0005}`,
    `-s 192.0.2.7 ${web} ${tcp} --sport 5 -m 5`,
    `-s 192.0.2.7 -d 10.96.0.1 ${tcp} --sport 6 -m ${ours}`,
  ])
    insert(namespace, line);
  const { connections } = await look(namespace);
  const lines = connections.map(({ client, service, frontend, backend, state, masqueradedAs }) => {
    const seen = masqueradedAs === undefined ? [] : ['as', masqueradedAs.address];
    return [client.port, client.address, service, frontend.address, backend.address, state]
      .concat(seen)
      .join(' ');
  });
  assert.deepEqual(lines.sort(), [
    '1 192.0.2.7 shop/web 10.96.0.1 192.0.2.2 established',
    '2 203.0.113.7 shop/web 10.96.0.1 192.0.2.2 unanswered as 192.0.2.1',
    '3 2001:db8:7::7  fd00:96::1 2001:db8:1::2 established',
  ]);
  for (const [filter, ports] of [
    [{ service: 'shop/web' }, [1, 2]],
    [{ pod: 'shop/client' }, [1]],
    [{ service: 'db' }, []],
  ] as const) {
    const asked = await look(namespace, filter);
    assert.deepEqual(asked.connections.map(({ client }) => client.port).sort(), ports);
  }
});

rootTest('a long table is read in pieces, up to the limit', async (context) => {
  const namespace = testNamespace(context);
  const lines = Array.from({ length: 3000 }, (_, index) => [
    `-s 192.0.2.7 ${web} ${udp} --sport ${1000 + index} -m ${ours}`,
    `-s 192.0.2.8 -d 203.0.113.9 ${udp} --sport ${1000 + index}`,
  ]);
  insertAll(namespace, lines.flat());
  const whole = await look(namespace);
  const ports = new Set(whole.connections.map(({ client }) => client.port));
  assert.deepEqual([whole.connections.length, ports.size, whole.cut], [3000, 3000, undefined]);
  assert.ok(whole.pieces > 5, `${whole.pieces} pieces`);
  const exact = await look(namespace, { limit: 3000 });
  assert.deepEqual([exact.connections.length, exact.cut], [3000, undefined]);
  const cut = await look(namespace, { limit: 10 });
  assert.deepEqual([cut.connections.length, cut.cut, cut.pieces], [10, 'limit', 1]);
  const late = await look(namespace, { isLate: true });
  assert.deepEqual([late.pieces, late.cut], [1, 'time']);
});

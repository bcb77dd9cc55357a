import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addRequest,
  bench,
  delRequest,
  fails,
  webMapping as web,
} from '../../test/support/pods-bench.ts';
import { parseAddress } from '../net/address.ts';
import type { Port } from '../net/port.ts';
import type { PortMapping } from '../net/port-mapping.ts';

const at = (hostAddress: string): PortMapping => ({
  ...web,
  hostAddress: parseAddress(hostAddress),
});

const overlaps: readonly [string, PortMapping, PortMapping, boolean][] = [
  ['the same', web, { ...web, containerPort: 81 as Port }, true],
  ['another protocol', web, { ...web, protocol: 'udp' }, false],
  ['another port', web, { ...web, hostPort: 8081 as Port }, false],
  ['every address and one of them', web, at('198.51.100.1'), true],
  ['one address and every one', at('2001:db8::1'), web, true],
  ['two addresses', at('198.51.100.1'), at('198.51.100.2'), false],
  ['every IPv4 address and one of them', at('0.0.0.0'), at('198.51.100.1'), true],
  ['every IPv4 address and one of IPv6', at('0.0.0.0'), at('2001:db8::1'), false],
  ['every address of each family', at('0.0.0.0'), at('::'), false],
];

for (const [name, first, second, isTaken] of overlaps) {
  test(`host ports: ${name}: ${isTaken ? 'the second is refused' : 'both are accepted'}`, async () => {
    const { pods, store, directory, node } = bench();
    const { portMappings } = await pods.add({ ...addRequest(1), portMappings: [first] });
    assert.deepEqual(portMappings, [first]);
    const other = { ...addRequest(2), portMappings: [second] };
    if (!isTaken) {
      await pods.add(other);
    } else {
      const text = /^ADD shop\/web-2 eth0: host port tcp .*8080 is used by shop\/web-1$/;
      await assert.rejects(pods.add(other), fails('hostPortTaken', text));
      assert.equal(store.list().length, 1);
      await assert.rejects(bench(directory, node).pods.add(other), fails('hostPortTaken', text));
      await pods.del(delRequest(1));
      await pods.add(other);
    }
  });
}

test('a host address of a family that the pod does not have is refused', async () => {
  const { node, pods } = bench();
  node.ranges = ['192.0.2.0/28'];
  await assert.rejects(
    pods.add({ ...addRequest(1), portMappings: [at('2001:db8::1')] }),
    fails('unsupportedField', /host port tcp 2001:db8::1 8080: the pod has no IPv6 address/),
  );
});

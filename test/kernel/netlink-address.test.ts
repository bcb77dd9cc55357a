import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  addAddress,
  delAddress,
  listAddresses,
  replaceAddress,
} from '../../src/kernel/netlink/address.ts';
import { linkByName, setLink } from '../../src/kernel/netlink/link.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const ifIndex = 7 as IfIndex;
const pod4 = { ifIndex, address: parseAddress('192.0.2.7'), prefixLength: 32 };
const pod6 = { ifIndex, address: parseAddress('2001:db8::7'), prefixLength: 128, noDad: true };

function linked(context: TestContext): NetlinkSocket {
  const socket = NetlinkSocket.open({ namespace: testNamespace(context) });
  context.after(() => socket[Symbol.dispose]());
  addVeth(socket, { name: 'veth0', ifIndex, up: true, peer: { name: 'veth1' } });
  setLink(socket, { ifIndex, addrGenMode: 'none' });
  return socket;
}

rootTest('addresses of both families are added and listed as requested', (context) => {
  const socket = linked(context);
  addAddress(socket, { ...pod4, scope: 'link' });
  addAddress(socket, { ...pod6, noPrefixRoute: true });
  const settled = { tentative: false, dadFailed: false };
  assert.deepEqual(listAddresses(socket, { ifIndex }), [
    { ...pod4, scope: 'link', noDad: false, noPrefixRoute: false, ...settled },
    { ...pod6, scope: 'global', noPrefixRoute: true, ...settled },
  ]);
});

rootTest('an IPv6 address without noDad is tentative at first', (context) => {
  const socket = linked(context);
  const veth1 = linkByName(socket, 'veth1');
  assert.ok(veth1);
  setLink(socket, { ifIndex: veth1.ifIndex, up: true });
  addAddress(socket, { ...pod6, noDad: false });
  assert.equal(listAddresses(socket, { ifIndex })[0]?.tentative, true);
});

rootTest('adding twice is refused, replacing twice is not', (context) => {
  const socket = linked(context);
  for (const address of [pod4, pod6]) {
    replaceAddress(socket, address);
    replaceAddress(socket, address);
    assert.throws(() => addAddress(socket, address), { code: 'EEXIST', call: 'address add' });
  }
  assert.equal(listAddresses(socket, { ifIndex }).length, 2);
});

rootTest('deleting removes it once and then reports that it does not exist', (context) => {
  const socket = linked(context);
  for (const address of [pod4, pod6]) {
    addAddress(socket, address);
    delAddress(socket, address);
    assert.throws(() => delAddress(socket, address), {
      code: 'EADDRNOTAVAIL',
      subject: `${address.address}/${address.prefixLength} dev index 7`,
    });
  }
  assert.deepEqual(listAddresses(socket, { ifIndex }), []);
});

rootTest('a missing link is refused', (context) => {
  const socket = linked(context);
  assert.throws(() => addAddress(socket, { ...pod4, ifIndex: 4711 as IfIndex }), {
    code: 'ENODEV',
  });
});

rootTest('the addresses of all links are listed without a filter', (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  runIn(namespace, 'ip', 'link', 'set', 'lo', 'up');
  assert.deepEqual(
    listAddresses(socket).map(({ address, scope }) => [address, scope]),
    [
      ['127.0.0.1', 'host'],
      ['::1', 'host'],
    ],
  );
});

rootTest('a point-to-point address names its peer', (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  runIn(namespace, 'ip', 'addr', 'add', '192.0.2.1', 'peer', '192.0.2.2', 'dev', 'lo');
  const [address] = listAddresses(socket);
  assert.deepEqual([address?.address, address?.peer], ['192.0.2.1', '192.0.2.2']);
});

import assert from 'node:assert/strict';
import { linkByName } from '../../src/kernel/netlink/link.ts';
import { namespaceId } from '../../src/kernel/netlink/namespace-id.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import { testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

rootTest('a link’s namespace id is the one of the namespace its other end is in', (context) => {
  const [here, there, elsewhere] = [1, 2, 3].map(() => testNamespace(context));
  assert.ok(here && there && elsewhere);
  using socket = NetlinkSocket.open({ namespace: here });
  assert.equal(namespaceId(socket, there), undefined);
  addVeth(socket, { name: 'veth0', peer: { name: 'eth0', namespace: there } });
  const id = namespaceId(socket, there);
  assert.equal(typeof id, 'number');
  assert.equal(linkByName(socket, 'veth0')?.linkNamespaceId, id);
  assert.equal(namespaceId(socket, elsewhere), undefined);
});

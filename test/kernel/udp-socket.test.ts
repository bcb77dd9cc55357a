import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isKernelError } from '../../src/kernel/errno.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { destroyUdp, listConnectedUdp } from '../../src/kernel/sockets/udp-socket.ts';
import { rootTest } from '../support/root-test.ts';

for (const [type, address] of [
  ['udp4', '127.0.0.1'],
  ['udp6', '::1'],
] as const) {
  rootTest(`a connected ${type} socket is listed and destroyed, and no other`, async () => {
    const [server, kept, gone] = [createSocket(type), createSocket(type), createSocket(type)];
    try {
      server.bind(0, address);
      await once(server, 'listening');
      const { port } = server.address();
      for (const client of [kept, gone]) {
        client.connect(port, address);
        await once(client, 'connect');
      }
      using socket = NetlinkSocket.open({ family: 'socketDiagnosis' });
      const own = gone.address().port;
      const found = listConnectedUdp(socket).filter(({ id }) => id.readUInt16BE(0) === own);
      const [wanted] = found;
      assert(wanted !== undefined && found.length === 1);
      destroyUdp(socket, wanted);
      assert.throws(
        () => destroyUdp(socket, wanted),
        (error) => isKernelError(error, 'ENOENT'),
      );
      const left = listConnectedUdp(socket).map(({ id }) => id.readUInt16BE(0));
      assert.deepEqual([left.includes(own), left.includes(kept.address().port)], [false, true]);
      kept.send('still there');
      await once(server, 'message');
    } finally {
      for (const each of [server, kept, gone]) each.close();
    }
  });
}

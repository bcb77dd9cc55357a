// Connects to each target and holds the connection until it is killed: `hold KIND,PORT,ADDRESS...`, where KIND is `tcp`,
// `udp` (a connected socket) or `udpto` (one that is not). Datagrams are sent twice a second. Prints `ready` when all are
// connected and answered.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';

await Promise.all(process.argv.slice(2).map(hold));
process.stdout.write('ready\n');

async function hold(target: string): Promise<void> {
  const [kind, port, address = ''] = target.split(',');
  if (kind === 'tcp') {
    // Node.js would close its end when the server does, and then the socket.
    const socket = connect({ port: Number(port), host: address, allowHalfOpen: true });
    await once(socket, 'connect');
    return;
  }
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const answered = once(socket, 'message');
  if (kind === 'udp') {
    socket.connect(Number(port), address);
    await once(socket, 'connect');
  }
  const send = (): void => {
    if (kind === 'udp') socket.send('held');
    else socket.send('held', Number(port), address);
  };
  send();
  setInterval(send, 500);
  await answered;
}

// Sends datagrams by ordinary UDP sockets: a JSON array of { address, port, from, payload } on standard input; `from`
// is the source port and `payload` is hexadecimal. Datagrams that the kernel refuses are skipped.

import { createSocket } from 'node:dgram';
import { text } from 'node:stream/consumers';

interface Datagram {
  readonly address: string;
  readonly port: number;
  readonly from: number;
  readonly payload: string;
}

for (const { address, port, from, payload } of JSON.parse(
  await text(process.stdin),
) as Datagram[]) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.bind(from, resolve));
  await new Promise<void>((resolve) => {
    socket.send(Buffer.from(payload, 'hex'), port, address, () => resolve());
  });
  socket.close();
}

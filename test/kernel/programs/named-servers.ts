// Servers for TCP and UDP at the same addresses: each answers with its own address and port. `address,port` each.
//
//   named-servers ADDRESS,PORT...

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const ready = process.argv.slice(2).flatMap((place) => {
  const [address = '', port = ''] = place.split(',');
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.end(place);
  });
  server.listen({ host: address, port: Number(port), backlog: 1024 });
  const datagrams = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  datagrams.on('message', (_, client) => datagrams.send(place, client.port, client.address));
  datagrams.bind(Number(port), address);
  return [once(server, 'listening'), once(datagrams, 'listening')];
});
await Promise.all(ready);
console.log('ready');
process.stdin.on('end', () => process.exit()).resume();

// Answers every datagram and every piece of a TCP connection on one port with the sender's address: `peer-server PORT`.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { plainAddress } from '../../../src/lab/programs/echo-answer.ts';

const port = Number(process.argv[2]);

const datagrams = createSocket('udp6');
datagrams.on('message', (_, peer) => {
  datagrams.send(plainAddress(peer.address), peer.port, peer.address);
});
datagrams.bind(port);

createServer((connection) => {
  connection.on('data', () => void connection.write(`${plainAddress(connection.remoteAddress)}\n`));
  connection.on('error', () => connection.destroy());
}).listen(port, '::');

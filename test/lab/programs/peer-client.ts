// Repeatedly queries a peer-server from one socket and prints each answer that differs from the previous one:
// `peer-client tcp|udp ADDRESS PORT`. Ends after a minute; with TCP also with the connection, as `closed`.

import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [protocol = '', address = '', port = ''] = process.argv.slice(2);
const intervalMs = 50;
let last = '';

function tell(answer: string): void {
  if (answer === last) return;
  last = answer;
  process.stdout.write(`${answer}\n`);
}

if (protocol === 'udp') {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (answer) => tell(answer.toString()));
  // The client keeps trying while no server answers on the port.
  socket.on('error', () => undefined);
  setInterval(() => socket.send('?', Number(port), address, () => undefined), intervalMs);
} else {
  const connection = connect(Number(port), address);
  connection.on('data', (answer) => tell(answer.toString().split('\n')[0] ?? ''));
  connection.on('error', () => tell('closed'));
  connection.on('close', () => {
    tell('closed');
    process.exit();
  });
  setInterval(() => connection.write('?'), intervalMs);
}
setTimeout(() => process.exit(), 60_000);

// UDP answers with the length that their requests ask for: `asked-sizes serve PORT` and `asked-sizes ask ADDRESS PORT
// SIZE`, which prints the number of bytes in the answer, 0 for no answer.

import { createSocket } from 'node:dgram';

// A lost answer counts as one of no bytes, which is what a test looks for.
const answerMs = 2000;
const [verb, ...words] = process.argv.slice(2);

if (verb === 'serve') {
  const socket = createSocket('udp6');
  socket.on('message', (message, { address, port }) => {
    socket.send(Buffer.alloc(message.readUInt32LE(0)), port, address);
  });
  socket.bind(Number(words[0]), '::');
} else {
  const [address = '', port, size] = words;
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const answer = new Promise<number>((resolve) => {
    socket.on('message', (message) => resolve(message.length));
    // The server is not listening yet.
    socket.on('error', () => resolve(0));
    setTimeout(() => resolve(0), answerMs);
  });
  // Connected, so that an answer from another address does not count.
  await new Promise<void>((resolve) => socket.connect(Number(port), address, resolve));
  const request = Buffer.alloc(4);
  request.writeUInt32LE(Number(size));
  socket.send(request);
  process.stdout.write(`${await answer}\n`);
  process.exit();
}

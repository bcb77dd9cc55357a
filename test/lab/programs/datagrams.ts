// Sends numbered datagrams to a UDP echo at a steady pace and counts the answers: `datagrams ADDRESS COUNT INTERVAL_MS SIZE PORT`.
// Prints { sent, received, missing } as JSON.

import { createSocket } from 'node:dgram';
import { echoPort } from '../../../src/lab/programs/echo-answer.ts';

const [address = '', count = '1', intervalMs = '1', size = '16', port] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const missing = new Set(Array.from({ length: Number(count) }, (_, number) => number));
socket.on('message', (message) => {
  if (message.length === Number(size)) missing.delete(message.readUInt32LE(0));
});
await new Promise<void>((resolve) => socket.connect(Number(port ?? echoPort), address, resolve));
const startedAt = Date.now();
for (let number = 0; number < Number(count); number++) {
  const message = Buffer.alloc(Number(size));
  message.writeUInt32LE(number);
  socket.send(message);
  const nextMs = startedAt + (number + 1) * Number(intervalMs) - Date.now();
  if (nextMs > 0) await pause(nextMs);
}
for (let waited = 0; waited < 2000 && missing.size > 0; waited += 20) await pause(20);
socket.close();
const received = Number(count) - missing.size;
const first = [...missing].slice(0, 10);
process.stdout.write(`${JSON.stringify({ sent: Number(count), received, missing: first })}\n`);

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

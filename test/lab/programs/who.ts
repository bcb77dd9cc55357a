// Who answers: `who serve PORT NAME` answers on TCP and UDP, both families, with its name and the peer that it sees.
// `who ask PROTOCOL,PORT,ADDRESS...` asks each target once, all at the same time, and prints an array of outcomes:
// `{"by": NAME, "peer": ADDRESS}`, `"refused"`, `"unreachable"` or `"silence"` (nothing for a second). `who keep SECONDS
// PROTOCOL,PORT,ADDRESS` asks all the time, by UDP from one socket, by TCP with new connections, and prints
// `[{"atMs", "outcome"}]`.

import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const patienceMs = 1000;
const [verb, ...words] = process.argv.slice(2);

if (verb === 'serve') serve(Number(words[0]), words[1] ?? '');
else if (verb === 'keep') process.stdout.write(`${JSON.stringify(await keep())}\n`);
else process.stdout.write(`${JSON.stringify(await Promise.all(words.map(ask)))}\n`);

function serve(port: number, name: string): void {
  const answer = (peer: string | undefined): string =>
    JSON.stringify({ by: name, peer: peer?.replace(/^::ffff:(?=\d+\.)/, '') });
  createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(answer(socket.remoteAddress));
  }).listen(port, '::');
  for (const type of ['udp4', 'udp6'] as const) {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.on('error', () => undefined);
    socket.on('message', (_, peer) => socket.send(answer(peer.address), peer.port, peer.address));
    socket.bind(port);
  }
}

function ask(target: string): Promise<unknown> {
  const [protocol = '', port = '', address = ''] = target.split(',');
  return protocol === 'tcp' ? askTcp(address, Number(port)) : askUdp(address, Number(port));
}

async function keep(): Promise<unknown> {
  const [seconds = '', target = ''] = words;
  const [protocol, port = '', address = ''] = target.split(',');
  const end = Date.now() + Number(seconds) * 1000;
  const asked: { readonly atMs: number; readonly outcome: unknown }[] = [];
  const flow = protocol === 'udp' ? udpFlow(address, Number(port)) : undefined;
  while (Date.now() < end) {
    const atMs = Date.now();
    asked.push({ atMs, outcome: await (flow?.ask() ?? ask(target)) });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  flow?.close();
  return asked;
}

/** One socket, whose answers all come from the address that is asked. */
function udpFlow(address: string, port: number) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const connected = new Promise<void>((resolve) => socket.connect(port, address, resolve));
  return {
    ask: async (): Promise<unknown> => {
      await connected;
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve('silence'), 200);
        socket.removeAllListeners('message').removeAllListeners('error');
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(outcomeOf(error)));
        socket.once('message', (text) => {
          clearTimeout(timer);
          resolve(JSON.parse(`${text}`));
        });
        socket.send('who?');
      });
    },
    close: () => socket.close(),
  };
}

function askTcp(address: string, port: number): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect(port, address);
    let text = '';
    const timer = setTimeout(() => end('silence'), patienceMs);
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      text += piece;
    });
    socket.on('end', () => end(JSON.parse(text)));
    socket.on('error', (error: NodeJS.ErrnoException) => end(outcomeOf(error)));

    function end(outcome: unknown): void {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    }
  });
}

/** Not connected would not hear an ICMP error; an answer from another address would be lost. */
function askUdp(address: string, port: number): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const timer = setTimeout(() => end('silence'), patienceMs);
    socket.on('error', (error: NodeJS.ErrnoException) => end(outcomeOf(error)));
    socket.on('message', (text) => end(JSON.parse(`${text}`)));
    socket.connect(port, address, (error?: NodeJS.ErrnoException) => {
      if (error) end(outcomeOf(error));
      else socket.send('who?');
    });

    function end(outcome: unknown): void {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    }
  });
}

function outcomeOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'ECONNREFUSED') return 'refused';
  return code === 'EHOSTUNREACH' || code === 'ENETUNREACH' ? 'unreachable' : `${code}`;
}

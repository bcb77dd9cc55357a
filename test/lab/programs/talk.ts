// Conversations over TCP and UDP: `talk serve PORT` answers lines; `talk with PROTOCOL:PORT:ADDRESS...` holds one with
// each target at the same time. The line `later MS` is answered after that time, so the server speaks first on a
// connection that was idle. UDP conversations include a datagram of several fragments. `refused,PORT,ADDRESS`: the ICMP
// error has to come back to a UDP socket. `shared,PORT,SERVICE,SERVER` is one UDP socket that talks to a Service at
// port 80 and to its server at PORT, in turn. Prints failures as JSON: wrong answers and late ones.

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const answerMs = 4000;
const noAnswer = 'no answer';
const [verb, ...words] = process.argv.slice(2);

if (verb === 'serve') serve(Number(words[0]));
else {
  const failures = await Promise.all(words.map((target) => converse(target)));
  process.stdout.write(`${JSON.stringify(failures.filter((failure) => failure !== undefined))}\n`);
}

function serve(port: number): void {
  createServer((socket) => {
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('data', (line: string) => answer(line, (text) => socket.write(text)));
  }).listen(port, '::');
  for (const type of ['udp4', 'udp6'] as const) {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.on('message', (line, peer) =>
      answer(`${line}`, (text) => socket.send(text, peer.port, peer.address)),
    );
    socket.bind(port);
  }
}

function answer(line: string, send: (text: string) => void): void {
  const later = /^later (\d+)/.exec(line)?.[1];
  if (later === undefined) send(`you said ${line}`);
  else setTimeout(() => send(`you said ${line}`), Number(later));
}

/** The Service comes first: in the other order, the flow's entry is correct a moment later. */
async function share(target: string): Promise<string | undefined> {
  const [, port = '', service = '', server = ''] = target.split(',');
  const socket = createSocket(service.includes(':') ? 'udp6' : 'udp4');
  try {
    for (const [address, at] of [
      [service, 80],
      [server, Number(port)],
      [service, 80],
      [server, Number(port)],
    ] as const) {
      const found = await within(answerMs, askOn(socket, address, at, 'hello'));
      if (found !== 'you said hello') return `${target}: ${address}: ${found}`;
    }
    return undefined;
  } finally {
    socket.close();
  }
}

/** Nothing listens on the port: the server's kernel reports it, and a connected socket receives the error. */
async function beRefused(target: string): Promise<string | undefined> {
  const [, port = '', address = ''] = target.split(',');
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve) => socket.connect(Number(port), address, resolve));
    const error = new Promise<string>((resolve) =>
      socket.once('error', (reason) => resolve(`${reason}`)),
    );
    socket.send('anybody?');
    const found = await within(answerMs, error);
    return found.includes('ECONNREFUSED') ? undefined : `${target}: ${found}`;
  } finally {
    socket.close();
  }
}

/** The failure as text. */
async function converse(target: string): Promise<string | undefined> {
  if (target.startsWith('shared,')) return share(target);
  if (target.startsWith('refused,')) return beRefused(target);
  const [, protocol = '', port = '', address = ''] = /^(\w+):(\d+):(.*)$/.exec(target) ?? [];
  const line = protocol === 'tcp' ? tcpLine(address, Number(port)) : udpLine(address, Number(port));
  try {
    const long = protocol === 'udp' ? 'fragments '.repeat(400) : 'three';
    for (const said of ['one', 'two', 'later 1500', long, 'later 700', 'four']) {
      const expected = `you said ${said}`;
      let found = await within(answerMs, line.ask(said));
      // IPv6 detects a smaller path MTU by losing one packet.
      if (said === long && found === noAnswer) found = await within(answerMs, line.ask(said));
      if (found !== expected) return `${target}: ${said.slice(0, 20)}: ${found.slice(0, 40)}`;
    }
    return undefined;
  } catch (error) {
    return `${target}: ${error instanceof Error ? error.message : error}`;
  } finally {
    line.close();
  }
}

interface Line {
  ask(said: string): Promise<string>;
  close(): void;
}

function tcpLine(address: string, port: number): Line {
  const socket = connect(port, address);
  socket.setEncoding('utf8');
  return {
    ask: (said) =>
      new Promise((resolve, reject) => {
        socket.once('error', reject);
        socket.once('data', (text: string) => resolve(text));
        socket.write(said);
      }),
    close: () => socket.destroy(),
  };
}

/** Not connected, so that an answer from another address is noticed. */
function udpLine(address: string, port: number): Line {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return {
    ask: (said) => askOn(socket, address, port, said),
    close: () => socket.close(),
  };
}

function askOn(
  socket: DatagramSocket,
  address: string,
  port: number,
  said: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.removeAllListeners();
    socket.once('error', reject);
    socket.once('message', (text, peer) =>
      resolve(peer.address === address ? `${text}` : `${text} (from ${peer.address})`),
    );
    socket.send(said, port, address);
  });
}

async function within(ms: number, answered: Promise<string>): Promise<string> {
  const timer = new AbortController();
  const late = pause(ms, noAnswer, { signal: timer.signal });
  late.catch(() => undefined);
  try {
    return await Promise.race([answered, late]);
  } finally {
    timer.abort();
  }
}

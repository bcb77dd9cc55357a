// Who answers: `who serve NAME PORT...` answers on TCP and UDP, both families, with its name, its port and the peer that
// it sees. `who ask PROTOCOL,PORT,ADDRESS...` asks each target once, all at the same time, and prints an array of
// outcomes (who-questions.ts). `who asks` does so for each line of input, a JSON object, and stays. `who keep SECONDS
// PROTOCOL,PORT,ADDRESS` asks all the time, by UDP from one socket, by TCP with new connections, and prints
// `[{"atMs", "outcome"}]`.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { askWho, outcomeOf } from './who-questions.ts';

const patienceMs = 1000;
const [verb, ...words] = process.argv.slice(2);

if (verb === 'serve') for (const port of words.slice(1)) serve(Number(port), `${words[0]} ${port}`);
else if (verb === 'asks') await askLines();
else if (verb === 'keep') print(await keep());
else print(await askAll(words, { patienceMs }));

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function serve(port: number, by: string): void {
  const answer = (peer: string | undefined, peerPort: number | undefined): string =>
    JSON.stringify({ by, peer: peer?.replace(/^::ffff:(?=\d+\.)/, ''), peerPort });
  createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(answer(socket.remoteAddress, socket.remotePort));
  }).listen(port, '::');
  for (const type of ['udp4', 'udp6'] as const) {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.on('error', () => undefined);
    socket.on('message', (_, { address, port: from }) =>
      socket.send(answer(address, from), from, address),
    );
    socket.bind(port);
  }
}

function askAll(
  targets: readonly string[],
  options: Parameters<typeof askWho>[1],
): Promise<readonly unknown[]> {
  return Promise.all(targets.map((target) => askWho(target, options)));
}

interface Line {
  readonly targets: readonly string[];
  readonly patienceMs: number;
  readonly openMs: number;
}

/** Each answer has the targets of earlier lines that were silent and answered late. */
async function askLines(): Promise<void> {
  let late: unknown[] = [];
  let number = 0;
  for await (const text of createInterface(process.stdin)) {
    const line = number++;
    const { targets, ...options } = JSON.parse(text) as Line;
    const outcomes = await Promise.all(
      targets.map((target, index) => {
        const onLate = (outcome: unknown): unknown => late.push({ line, index, outcome });
        return askWho(target, { ...options, onLate });
      }),
    );
    print({ outcomes, late });
    late = [];
  }
  process.exit();
}

async function keep(): Promise<unknown> {
  const [seconds = '', target = ''] = words;
  const [protocol, port = '', address = ''] = target.split(',');
  const end = Date.now() + Number(seconds) * 1000;
  const asked: { readonly atMs: number; readonly outcome: unknown }[] = [];
  const flow = protocol === 'udp' ? udpFlow(address, Number(port)) : undefined;
  while (Date.now() < end) {
    const atMs = Date.now();
    asked.push({ atMs, outcome: await (flow?.ask() ?? askWho(target, { patienceMs })) });
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

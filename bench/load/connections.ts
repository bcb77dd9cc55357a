// Short TCP connections, one after another: connect, one byte each way, close by reset (so that none waits in TIME-WAIT).

import { fileURLToPath } from 'node:url';
import { type Place, runIn, Server } from '../place.ts';
import { untilListening } from './listening.ts';

export interface ConnectionOptions {
  readonly client: Place;
  readonly server: Place;
  readonly address: string;
  readonly cpus: readonly [client: number, server: number];
  readonly count: number;
}

const program = fileURLToPath(new URL('../programs/connrate', import.meta.url));
const port = 7000;

/** Connections a second. */
export async function measureConnections(options: ConnectionOptions): Promise<number> {
  const { client, server, address, cpus, count } = options;
  const target = [address, String(port)];
  await using _server = new Server(server, cpus[1], [program, 'server', ...target]);
  await untilListening(server, port);
  const command = [program, 'client', ...target, String(count), 'rst'];
  const result = JSON.parse(await runIn(client, cpus[0], command)) as { perSecond: number };
  return result.perSecond;
}

// Makes the system calls that it reads from its input, one JSON object per line, and writes one result per line. It
// joins a cgroup before it has any socket.
//
//   socket-calls CGROUP

import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import koffi from 'koffi';
import { addressBytes, addressFromBytes, parseAddress } from '../../../src/net/address.ts';
import type {
  SocketCall,
  SocketEnd,
  SocketKind,
  SocketResult,
} from '../../support/socket-caller.ts';

const libc = koffi.load('libc.so.6');
const c = {
  socket: libc.func('int socket(int, int, int)'),
  setsockopt: libc.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  bind: libc.func('int bind(int, const void *, uint32_t)'),
  connect: libc.func('int connect(int, const void *, uint32_t)'),
  getpeername: libc.func('int getpeername(int, void *, uint32_t *)'),
  sendto: libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)'),
  recvfrom: libc.func('intptr_t recvfrom(int, void *, size_t, int, void *, uint32_t *)'),
  close: libc.func('int close(int)'),
};

const families = { 4: 2, 6: 10 } as const;
const protocols: Readonly<Record<SocketKind, readonly [number, number]>> = {
  tcp: [1, 6],
  udp: [2, 17],
  mptcp: [1, 262],
};

class Failure extends Error {}

function checked(result: number | bigint): number {
  if (Number(result) >= 0) return Number(result);
  const errno = koffi.errno();
  const [word] = Object.entries(koffi.os.errno).find(([, number]) => number === errno) ?? [errno];
  throw new Failure(String(word));
}

/** `struct sockaddr_in` or `sockaddr_in6`; `text` may be an IPv4 address in mapped form. */
function encoded({ address: text, port }: SocketEnd): Uint8Array {
  const v4 = /^::ffff:([\d.]+)$/.exec(text)?.[1];
  const bytes = addressBytes(parseAddress(v4 ?? text));
  const head = [0, 0, port >> 8, port & 0xff];
  if (v4 === undefined && bytes.length === 4)
    return numbers(families[4], head, [...bytes, ...zeros(8)]);
  const all = v4 === undefined ? [...bytes] : [...zeros(10), 0xff, 0xff, ...bytes];
  return numbers(families[6], head, [...zeros(4), ...all, ...zeros(4)]);
}

function numbers(
  family: number,
  [, , ...port]: readonly number[],
  rest: readonly number[],
): Uint8Array {
  return Uint8Array.of(family, 0, ...port, ...rest);
}

function zeros(count: number): readonly number[] {
  return new Array<number>(count).fill(0);
}

function decoded(bytes: Uint8Array): SocketEnd {
  const port = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  if (bytes[0] === families[4]) return { address: addressFromBytes(bytes.subarray(4, 8)), port };
  const address = addressFromBytes(bytes.subarray(8, 24));
  return { address: address.includes(':') ? address : `::ffff:${address}`, port };
}

function withEnd(call: (address: Uint8Array, length: Uint32Array) => void): SocketEnd {
  const address = new Uint8Array(28);
  call(address, Uint32Array.of(address.length));
  return decoded(address);
}

/** Calls end after a second. */
function open(kind: SocketKind, family: 4 | 6): number {
  const fd = checked(c.socket(families[family], ...protocols[kind]));
  const second = new Uint8Array(BigInt64Array.of(1n, 0n).buffer);
  for (const option of [20, 21]) checked(c.setsockopt(fd, 1, option, second, second.length));
  return fd;
}

function connect(fd: number, to: SocketEnd): void {
  const address = encoded(to);
  checked(c.connect(fd, address, address.length));
}

function receive(fd: number): { readonly text: string; readonly from: SocketEnd } {
  const data = new Uint8Array(256);
  let length = 0;
  const from = withEnd((address, size) => {
    length = checked(c.recvfrom(fd, data, data.length, 0, address, size));
  });
  return { text: Buffer.from(data.subarray(0, length)).toString(), from };
}

function send(fd: number, to: SocketEnd | undefined): void {
  const address = to === undefined ? null : encoded(to);
  checked(c.sendto(fd, Buffer.from('?'), 1, 0, address, address?.length ?? 0));
}

/** Counts what `attempt` returns, and its errors. */
function countedOutcomes(
  forMs: number,
  most: number,
  attempt: () => string,
): Record<string, number> {
  const counts: Record<string, number> = {};
  const end = performance.now() + forMs;
  for (let made = 0; made < most && performance.now() < end; made++) {
    const outcome = outcomeOf(attempt);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

function outcomeOf(attempt: () => string): string {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
}

function connectOnce(to: SocketEnd): string {
  const fd = open('tcp', to.address.includes(':') ? 6 : 4);
  try {
    connect(fd, to);
    const peer = withEnd((address, size) => checked(c.getpeername(fd, address, size)));
    const shown = peer.address === to.address && peer.port === to.port;
    return shown ? receive(fd).text : `peer ${peer.address} ${peer.port}`;
  } finally {
    c.close(fd);
  }
}

/**
 * Sends and receives again and again by one socket; counts the servers that answered and the errors. `A > B`: B answers
 * after A.
 */
function askRepeatedly(to: SocketEnd, forMs: number, most: number): Record<string, number> {
  const fd = open('udp', to.address.includes(':') ? 6 : 4);
  let last: string | undefined;
  try {
    return countedOutcomes(forMs, most, () => {
      send(fd, to);
      const { text, from } = receive(fd);
      const before = last ?? text;
      last = text;
      if (from.address !== to.address || from.port !== to.port) return `from ${from.address}`;
      return before === text ? text : `${before} > ${text}`;
    });
  } finally {
    c.close(fd);
  }
}

function perform(call: SocketCall): unknown {
  switch (call.call) {
    case 'open':
      return open(call.kind, call.family);
    case 'bind': {
      const address = encoded(call.to);
      return checked(c.bind(call.fd, address, address.length));
    }
    case 'connect':
      return connect(call.fd, call.to);
    case 'disconnect':
      return checked(c.connect(call.fd, new Uint8Array(16), 16));
    case 'sharePort':
      return checked(c.setsockopt(call.fd, 1, 2, Uint32Array.of(1), 4));
    case 'peer':
      return withEnd((address, size) => checked(c.getpeername(call.fd, address, size)));
    case 'send':
      return send(call.fd, call.to);
    case 'receive':
      return receive(call.fd);
    case 'close':
      return checked(c.close(call.fd));
    case 'connectRepeatedly':
      return countedOutcomes(call.forMs, call.most, () => connectOnce(call.to));
    case 'askRepeatedly':
      return askRepeatedly(call.to, call.forMs, call.most);
  }
}

function resultOf(line: string): SocketResult {
  try {
    return { value: perform(JSON.parse(line) as SocketCall) };
  } catch (error) {
    if (error instanceof Failure) return { errno: error.message };
    throw error;
  }
}

writeFileSync(`${process.argv[2]}/cgroup.procs`, String(process.pid));
console.log('ready');
createInterface({ input: process.stdin }).on('line', (line) => {
  console.log(JSON.stringify(resultOf(line)));
});

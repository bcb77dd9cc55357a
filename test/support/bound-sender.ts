// A process that binds a socket to an address that is not the node's, and sends.

import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { type AddressFamily, addressBytes, parseAddress } from '../../src/net/address.ts';
import { runIn } from './namespaces.ts';

// linux/in.h, linux/in6.h, linux/socket.h
const sockets = {
  udp: [2, 0],
  tcp: [1, 0],
  mptcp: [1, 262],
  sctp: [1, 132],
  ping: [2, 58],
} as const;
const bindOptions = {
  4: { level: 0, freebind: 15, transparent: 19 },
  6: { level: 41, freebind: 78, transparent: 75 },
} as const;
const families = { 4: 2, 6: 10 } as const;

export interface BoundSend {
  readonly family: AddressFamily;
  readonly kind: keyof typeof sockets;
  readonly by: 'freebind' | 'transparent';
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

/** Run a program without any capability. */
export const withoutCapabilities: readonly string[] = [
  ...['setpriv', '--inh-caps=-all', '--bounding-set=-all'],
];

/** The program's words: prints the call that failed and its errno, or `sent`. A TCP connection is only begun. */
function boundSendCommand(send: BoundSend): readonly string[] {
  const [type, protocol] = sockets[send.kind];
  const { level, [send.by]: option } = bindOptions[send.family];
  const call = send.kind === 'udp' || send.kind === 'ping' ? 'sendto' : 'connect';
  const facts = {
    ...{ domain: families[send.family], type: type | 0o4000, protocol, level, option, call },
    ...{ from: socketAddress(send.from, 0), to: socketAddress(send.to, send.port) },
  };
  return [
    process.execPath,
    '--input-type=module',
    '-e',
    `const f = ${JSON.stringify(facts)};\n${script}`,
  ];
}

/** Result of the program in a namespace. */
export function boundSend(
  namespace: NetworkNamespace,
  send: BoundSend,
  prefix: readonly string[] = [],
): string {
  const [command = '', ...words] = [...prefix, ...boundSendCommand(send)];
  return runIn(namespace, command, ...words).trim();
}

/** `struct sockaddr_in` or `sockaddr_in6`, in bytes. */
function socketAddress(text: string, port: number): readonly number[] {
  const address = addressBytes(parseAddress(text));
  const isIpv4 = address.length === 4;
  const head = [isIpv4 ? 2 : 10, 0, port >> 8, port & 0xff];
  return isIpv4
    ? [...head, ...address, ...new Array(8).fill(0)]
    : [...head, 0, 0, 0, 0, ...address, 0, 0, 0, 0];
}

const script = `
import koffi from 'koffi';
const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)');
const bind = libc.func('int bind(int, const void *, uint32_t)');
const sendto = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)');
const connect = libc.func('int connect(int, const void *, uint32_t)');
const echo = Buffer.from([128, 0, 0, 0, 0, 0, 0, 1]);
const from = Buffer.from(f.from), to = Buffer.from(f.to), one = Buffer.from([1, 0, 0, 0]);
let fd;
const steps = {
  socket: () => (fd = socket(f.domain, f.type, f.protocol)),
  setsockopt: () => setsockopt(fd, f.level, f.option, one, 4),
  bind: () => bind(fd, from, from.length),
  [f.call]: () => f.call === 'sendto'
    ? sendto(fd, echo, echo.length, 0, to, to.length)
    : connect(fd, to, to.length),
};
let result = 'sent';
for (const [name, step] of Object.entries(steps)) {
  if (step() >= 0) continue;
  const errno = koffi.errno();
  if (name === 'connect' && errno === koffi.os.errno.EINPROGRESS) break;
  const [word] = Object.entries(koffi.os.errno).find(([, number]) => number === errno) ?? [errno];
  result = name + ' ' + word;
  break;
}
console.log(result);
`;

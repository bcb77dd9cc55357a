// Two tun interfaces in two network namespaces: each receives the packets that the other sends. As with WireGuard,
// their packets have no Ethernet header.

import fs from 'node:fs';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { openTun } from './tap.ts';

/** Equivalent to `ip tuntap add NAME mode tun` in both, until disposed of. */
export function tunPair(name: string, paths: readonly [string, string]): Disposable {
  const [first, second] = paths.map((path) => {
    using namespace = NetworkNamespace.open(path);
    return openTun(namespace, name, 0x0001 | 0x1000); // IFF_TUN | IFF_NO_PI
  }) as [number, number];
  const timer = setInterval(() => {
    pass(first, second);
    pass(second, first);
  }, 1);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      fs.closeSync(first);
      fs.closeSync(second);
    },
  };
}

const buffer = new Uint8Array(65_536);
const mostAtOnce = 64;

function pass(from: number, to: number): void {
  for (let count = 0; count < mostAtOnce; count += 1) {
    const bytes = attempt(() => fs.readSync(from, buffer));
    if (bytes === undefined) return;
    attempt(() => fs.writeSync(to, buffer, 0, bytes));
  }
}

/** Undefined: there is nothing to read, or the interface is down. */
function attempt(call: () => number): number | undefined {
  try {
    return call();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN' || code === 'EIO') return undefined;
    throw error;
  }
}

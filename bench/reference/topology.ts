// The peers' networks, built with iproute2 in their own namespaces, without any code of Heddle.

import { execFileSync } from 'node:child_process';
import type { BenchPlace } from '../place.ts';

/** Creates namespaces under one prefix and removes them all, with their links, at the end. */
export class Topology implements Disposable {
  readonly #prefix: string;
  readonly #names: string[] = [];
  readonly #resources: Disposable[] = [];

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  namespace(name: string): BenchPlace {
    const full = `${this.#prefix}-${name}`;
    execFileSync('ip', ['netns', 'add', full]);
    this.#names.push(full);
    const place = { namespacePath: `/run/netns/${full}` };
    runIp(place, 'link set lo up');
    return place;
  }

  /** Disposes of `resource` with the topology. */
  use(resource: Disposable): void {
    this.#resources.push(resource);
  }

  [Symbol.dispose](): void {
    for (const resource of this.#resources.splice(0)) resource[Symbol.dispose]();
    for (const name of this.#names.splice(0)) execFileSync('ip', ['netns', 'del', name]);
  }
}

/** `ip COMMAND` inside the place's namespace. */
export function runIp(place: BenchPlace, command: string): void {
  runInNamespace(place, ['ip', ...command.split(' ')]);
}

export function runInNamespace(place: BenchPlace, command: readonly string[]): void {
  execFileSync('nsenter', [`--net=${place.namespacePath}`, ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** A veth pair whose ends are in two namespaces, both up, with one IPv4 address each (or none). */
export function connect(
  left: { readonly place: BenchPlace; readonly name: string; readonly address?: string },
  right: { readonly place: BenchPlace; readonly name: string; readonly address?: string },
): void {
  runIp(
    left.place,
    `link add ${left.name} type veth peer name ${right.name} netns ${right.place.namespacePath}`,
  );
  for (const { place, name, address } of [left, right]) {
    if (address !== undefined) runIp(place, `addr add ${address} dev ${name}`);
    runIp(place, `link set ${name} up`);
  }
}

// Addresses whose pods are gone, out of use, while others are free, until connections and caches of their last owners have died out. A file carries
// them over a restart: a line an address, appended before its record goes, so that a crash in between loses nothing.
//
// The clock is the monotonic one, which nobody can set. It begins anew with each boot, so a line says which boot it is of.

import { appendFileSync, readFileSync } from 'node:fs';
import { replaceFile } from '../../base/replace-file.ts';
import { type Address, isAddress, parseAddress } from '../../net/address.ts';

export interface CooldownOptions {
  /** Need not exist. */
  readonly file: string;
  /** 0: an address is free at once. */
  readonly cooldownMs: number;
  /** CLOCK_MONOTONIC, of all processes since the boot, unless given. */
  readonly monotonicMs?: () => number;
  /** The kernel's id of this boot unless given; without whitespace. */
  readonly bootId?: string;
}

// Lines are not taken out one by one.
const linesToCompact = 4096;

export class AddressCooldown {
  readonly #options: Required<CooldownOptions>;
  /** When each is free again, on the monotonic clock; soonest first. */
  readonly #until = new Map<Address, number>();
  #lines = 0;

  /** A file that cannot be read, or a line cut off by a crash, counts as nothing: the worst is an early reuse. */
  constructor({
    file,
    cooldownMs,
    monotonicMs = () => Math.floor(Number(process.hrtime.bigint()) / 1e6),
    bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  }: CooldownOptions) {
    this.#options = { file, cooldownMs, monotonicMs, bootId };
    for (const [address, leftMs] of this.#read()) {
      this.#until.set(address, monotonicMs() + leftMs);
    }
    // Also ends a line that was cut off, before the next is appended to it.
    if (cooldownMs > 0) this.#compact();
  }

  /** Before others can take them. */
  release(addresses: readonly Address[]): void {
    const { cooldownMs, monotonicMs, file } = this.#options;
    if (cooldownMs === 0) return;
    const now = monotonicMs();
    for (const address of addresses) {
      // To the end of the order.
      this.#until.delete(address);
      this.#until.set(address, now + cooldownMs);
    }
    try {
      appendFileSync(file, addresses.map((address) => this.#line(now, address)).join(''));
    } catch {
      // A full disk must not keep a pod from being deleted; this run remembers all the same.
    }
    this.#lines += addresses.length;
    if (this.#lines > linesToCompact && this.#lines > 2 * this.#until.size) this.#compact();
  }

  /** On the monotonic clock; undefined for an address that does not cool down. */
  freeAtMs(address: Address): number | undefined {
    this.#forgetPast();
    return this.#until.get(address);
  }

  #forgetPast(): void {
    const now = this.#options.monotonicMs();
    for (const [address, until] of this.#until) {
      if (until > now) return;
      this.#until.delete(address);
    }
  }

  #line(releasedAt: number, address: Address): string {
    return `${this.#options.bootId} ${releasedAt} ${address}\n`;
  }

  // What was released before this boot waits its whole time once more: how long ago that was, no clock can tell for sure.
  #read(): readonly (readonly [Address, number])[] {
    const { file, cooldownMs, bootId, monotonicMs } = this.#options;
    const now = monotonicMs();
    const left = new Map<Address, number>();
    for (const line of readLines(file)) {
      this.#lines++;
      const [boot = '', at = '', text = ''] = line.split(' ');
      if (!/^\d+$/.test(at) || !isAddress(text)) continue;
      const leftMs = boot === bootId ? Number(at) + cooldownMs - now : cooldownMs;
      if (leftMs > 0) left.set(parseAddress(text), leftMs);
    }
    return [...left].sort(([, one], [, other]) => one - other);
  }

  #compact(): void {
    this.#forgetPast();
    const { file, cooldownMs } = this.#options;
    const lines = Array.from(this.#until, ([address, until]) =>
      this.#line(until - cooldownMs, address),
    );
    try {
      replaceFile(file, lines.join(''));
    } catch {
      // The longer file says the same.
    }
    this.#lines = lines.length;
  }
}

function readLines(file: string): readonly string[] {
  try {
    // What stands behind the last line's end was cut off.
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}

// Addresses whose pods are gone, out of use until connections and caches of their last owners have died out. Within one
// run the clock is the monotonic one. A file carries them over a restart: a line an address, appended before its record
// goes, so that a crash in between loses nothing.

import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type Address, isAddress, parseAddress } from '../net/address.ts';

export interface CooldownOptions {
  /** Need not exist. */
  readonly file: string;
  /** 0: an address is free at once. */
  readonly cooldownMs: number;
  /** `performance.now` unless given. */
  readonly monotonicMs?: () => number;
  /** `Date.now` unless given. */
  readonly wallMs?: () => number;
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
    monotonicMs = () => performance.now(),
    wallMs = Date.now,
  }: CooldownOptions) {
    this.#options = { file, cooldownMs, monotonicMs, wallMs };
    for (const [address, leftMs] of this.#read()) {
      this.#until.set(address, monotonicMs() + leftMs);
    }
    // Also ends a line that was cut off, before the next is appended to it.
    if (cooldownMs > 0) this.#compact();
  }

  /** Before others can take them. */
  release(addresses: readonly Address[]): void {
    const { cooldownMs, monotonicMs, wallMs, file } = this.#options;
    if (cooldownMs === 0) return;
    for (const address of addresses) {
      // To the end of the order.
      this.#until.delete(address);
      this.#until.set(address, monotonicMs() + cooldownMs);
    }
    try {
      appendFileSync(file, addresses.map((address) => `${wallMs()} ${address}\n`).join(''));
    } catch {
      // A full disk must not keep a pod from being deleted; this run remembers all the same.
    }
    this.#lines += addresses.length;
    if (this.#lines > linesToCompact && this.#lines > 2 * this.#until.size) this.#compact();
  }

  has(address: Address): boolean {
    this.#forgetPast();
    return this.#until.has(address);
  }

  #forgetPast(): void {
    const now = this.#options.monotonicMs();
    for (const [address, until] of this.#until) {
      if (until > now) return;
      this.#until.delete(address);
    }
  }

  // The wall clock may have been set meanwhile: nothing waits longer than from now on.
  #read(): readonly (readonly [Address, number])[] {
    const { file, cooldownMs, wallMs } = this.#options;
    const now = wallMs();
    const left = new Map<Address, number>();
    for (const line of readLines(file)) {
      this.#lines++;
      const [at = '', text = ''] = line.split(' ');
      if (!/^\d+$/.test(at) || !isAddress(text)) continue;
      const leftMs = Math.min(cooldownMs, Number(at) + cooldownMs - now);
      if (leftMs > 0) left.set(parseAddress(text), leftMs);
    }
    return [...left].sort(([, one], [, other]) => one - other);
  }

  #compact(): void {
    this.#forgetPast();
    const { file, cooldownMs, monotonicMs, wallMs } = this.#options;
    const releasedAt = (until: number) => Math.round(wallMs() + until - monotonicMs() - cooldownMs);
    const lines = Array.from(
      this.#until,
      ([address, until]) => `${releasedAt(until)} ${address}\n`,
    );
    try {
      writeFileSync(`${file}.tmp`, lines.join(''), { mode: 0o600 });
      renameSync(`${file}.tmp`, file);
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

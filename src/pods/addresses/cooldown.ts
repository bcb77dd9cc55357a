// Addresses of deleted pods, which are not reused while others are free, until connections and caches of their last
// owners have expired. A file keeps them over a restart: one line per address, appended before its record is deleted,
// so that a crash in between loses nothing.
//
// The clock is monotonic and cannot be set. It restarts with each boot, so each line contains the boot id.

import { appendFileSync, readFileSync } from 'node:fs';
import { replaceFile } from '../../base/replace-file.ts';
import { type Address, isAddress, parseAddress } from '../../net/address.ts';

export interface CooldownOptions {
  /** Need not exist. */
  readonly file: string;
  /** 0: an address is free immediately. */
  readonly cooldownMs: number;
  /** Default CLOCK_MONOTONIC, shared by all processes since the boot. */
  readonly monotonicMs?: () => number;
  /** Default: the kernel's id of this boot. Without whitespace. */
  readonly bootId?: string;
}

// Lines are not removed individually.
const linesToCompact = 4096;

export class AddressCooldown {
  readonly #options: Required<CooldownOptions>;
  /** When each address is free again, on the monotonic clock; soonest first. */
  readonly #until = new Map<Address, number>();
  #lines = 0;

  /** An unreadable file, or a line truncated by a crash, is ignored: the worst effect is an early reuse. */
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
    // This also ends a truncated line before the next is appended.
    if (cooldownMs > 0) this.#compact();
  }

  /** Call this before other pods can take the addresses. */
  release(addresses: readonly Address[]): void {
    const { cooldownMs, monotonicMs, file } = this.#options;
    if (cooldownMs === 0) return;
    const now = monotonicMs();
    for (const address of addresses) {
      // Moves it to the end of the order.
      this.#until.delete(address);
      this.#until.set(address, now + cooldownMs);
    }
    try {
      appendFileSync(file, addresses.map((address) => this.#line(now, address)).join(''));
    } catch {
      // A full disk must not prevent the deletion of a pod; this process still remembers the address.
    }
    this.#lines += addresses.length;
    if (this.#lines > linesToCompact && this.#lines > 2 * this.#until.size) this.#compact();
  }

  /** On the monotonic clock; undefined for an address that is not in cooldown. */
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

  // Addresses released before this boot wait the whole time again, because no clock tells reliably how long ago that
  // was.
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
      // The longer file has the same contents.
    }
    this.#lines = lines.length;
  }
}

function readLines(file: string): readonly string[] {
  try {
    // Text after the last line end is a truncated line.
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}

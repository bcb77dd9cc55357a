// The versions of the objects that changed last, so that an old event about one of them is known as old.

import { isOlder } from './meta.ts';

const kept = 2_000;

export class ObjectVersions {
  /** In order of their last change. */
  readonly #versions = new Map<string, string>();

  /** Takes note of it; false: a newer version of the object has been told already. */
  advance(key: string, version: string | undefined): boolean {
    if (version === undefined) return true;
    if (isOlder(version, this.#versions.get(key))) return false;
    this.#versions.delete(key);
    this.#versions.set(key, version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > kept && oldest !== undefined) this.#versions.delete(oldest);
    return true;
  }

  clear(): void {
    this.#versions.clear();
  }
}

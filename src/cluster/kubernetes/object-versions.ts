// What a watch may say of an object: only what is newer than the version that the watch began from, and newer than what was
// said of that object before. Anything else comes from a cache that is behind, and would bring back an old state for as long as
// the watch holds.

import { isNewer, isOlder } from './client/meta.ts';

const kept = 2_000;

export class ObjectVersions {
  /** Of the objects that changed last, in order of their last change. */
  readonly #versions = new Map<string, string>();
  /** Where the watch began. */
  #from: string | undefined;

  /** A watch begins at this version. */
  begin(from: string): void {
    this.#from = from;
  }

  /** Takes note of it. Returns why it cannot be news, or undefined where it is. */
  advance(key: string, version: string | undefined): string | undefined {
    if (version === undefined) return 'without a version';
    if (!isNewer(version, this.#from)) return 'as it was before the watch began';
    if (isOlder(version, this.#versions.get(key))) return 'as it was before what was told already';
    this.#versions.delete(key);
    this.#versions.set(key, version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > kept && oldest !== undefined) this.#versions.delete(oldest);
    return undefined;
  }

  clear(): void {
    this.#versions.clear();
  }
}

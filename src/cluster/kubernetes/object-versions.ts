// Accepts events of a watch only for versions newer than the start of the watch and newer than the object's last
// version. Anything else comes from a stale cache and would restore an old state for as long as the watch lasts.

import { isNewer, isOlder } from './client/meta.ts';

const kept = 2_000;

export class ObjectVersions {
  /** Versions of the objects that changed last, in order of their last change. */
  readonly #versions = new Map<string, string>();
  /** Version from which the watch began. */
  #from: string | undefined;

  /** A watch begins at this version. */
  begin(from: string): void {
    this.#from = from;
  }

  /** Records a version. Returns why it cannot be news, or undefined if it can. */
  advance(key: string, version: string | undefined): string | undefined {
    if (version === undefined) return 'without a version';
    if (!isNewer(version, this.#from)) return 'in a version from before the watch began';
    if (isOlder(version, this.#versions.get(key)))
      return 'in a version older than one already sent';
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

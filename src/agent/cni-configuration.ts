// The network configuration that has the container runtime call us. It appears when this agent can serve pods, not
// before: until then a node without one is not ready, and no pod is placed there. A stop leaves it (the next agent is
// soon there, and the plugin says meanwhile to try again); `heddle uninstall` removes it.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { defaultSocket } from '../api/socket.ts';
import { errorText } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { installConfiguration, networkConfigurationFile } from '../cni/install.ts';

export interface CniConfigurationOptions {
  /** Undefined: nothing is written, whoever installed the plugin did. */
  readonly confDir: string | undefined;
  readonly socket: string;
  readonly log: Logger;
  /** Why no pod can be added now; undefined when one can. */
  refusal(): string | undefined;
}

export class CniConfiguration {
  readonly #options: CniConfigurationOptions;
  #waitsFor: string | undefined;
  #problems: readonly string[] = [];
  #isWritten = false;
  #unloadable = '';

  constructor(options: CniConfigurationOptions) {
    this.#options = options;
    if (options.confDir !== undefined) this.#waitsFor = 'the CNI configuration is not written';
  }

  /** Why the runtime cannot have been told of us yet; undefined when it has been, or when others see to that. */
  get waitsFor(): string | undefined {
    return this.#waitsFor;
  }

  /** In words: ours cannot be written, or is there and another is used. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Writes it once pods can be added, and again where somebody removed or changed it. Another's is left alone. */
  keep(): void {
    const { confDir, socket, log, refusal } = this.#options;
    if (confDir === undefined) return;
    const file = networkConfigurationFile({ configurationDirectory: confDir });
    // Where an earlier agent wrote it, a node that is only full is no reason to hold up a rolling update.
    if (!this.#isWritten && !existsSync(file)) {
      this.#waitsFor = refusal();
      if (this.#waitsFor !== undefined) return;
    }
    try {
      const agentSocket = socket === defaultSocket ? undefined : socket;
      const { written, before, unloadable } = installConfiguration({
        configurationDirectory: confDir,
        agentSocket,
      });
      if (written.length > 0) log.info({ file }, 'CNI configuration written');
      this.#tellUnloadable(unloadable);
      this.#isWritten = true;
      this.#waitsFor = undefined;
      this.#problems = before.map(
        (other) =>
          `CNI configuration ${other}: sorts before ${basename(file)} and leads to another plugin, so that the container runtime uses it: pods do not come to heddle; remove it`,
      );
    } catch (error) {
      const text = errorText(error);
      this.#problems = [`CNI configuration ${file}: cannot be written: ${text}`];
      if (!this.#isWritten) this.#waitsFor = this.#problems[0];
    }
  }
  // No problem of ours: the runtime says it in its own words, and CRI-O passes them over.
  #tellUnloadable(files: readonly string[]): void {
    if (files.join() === this.#unloadable) return;
    this.#unloadable = files.join();
    if (files.length === 0) return;
    const text = 'CNI configurations cannot be loaded; containerd stops at the first of them';
    this.#options.log.warn({ files }, text);
  }
}

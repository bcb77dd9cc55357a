// The CNI network configuration that makes the container runtime call heddle. It is written when this agent can serve
// pods, not before: until then a node without one is not ready and receives no pods. Stopping the agent leaves it (the
// next agent starts soon, and the plugin returns "try again" meanwhile); `heddle uninstall` removes it.

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { defaultSocket } from '../api/socket.ts';
import { errorText } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { installConfiguration, networkConfigurationFile } from '../cni/install.ts';

export interface CniConfigurationOptions {
  /** Undefined: nothing is written, because the plugin was installed by other means. */
  readonly confDir: string | undefined;
  readonly socket: string;
  readonly log: Logger;
  /** Why no pod can be added now; undefined if pods can be added. */
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

  /**
   * Why the container runtime cannot know this plugin yet; undefined once the conflist is installed, or if something
   * else installs it.
   */
  get waitsFor(): string | undefined {
    return this.#waitsFor;
  }

  /** Reports that the conflist cannot be written, or that another one is used although it exists. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /**
   * Writes the conflist once pods can be added, and again if another process removed or changed it. Other conflists are
   * left alone.
   */
  keep(): void {
    const { confDir, socket, log, refusal } = this.#options;
    if (confDir === undefined) return;
    const file = networkConfigurationFile({ configurationDirectory: confDir });
    // If an earlier agent wrote the file, a node that only lacks free addresses must not delay a rolling update.
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
          `CNI configuration ${other}: sorts before ${basename(file)} and names another plugin, so the container runtime uses it and new pods do not reach heddle; remove it`,
      );
    } catch (error) {
      const text = errorText(error);
      this.#problems = [`CNI configuration ${file}: cannot be written: ${text}`];
      if (!this.#isWritten) this.#waitsFor = this.#problems[0];
    }
  }
  // Not reported as a problem: the runtime reports it itself, and CRI-O ignores such files.
  #tellUnloadable(files: readonly string[]): void {
    if (files.join() === this.#unloadable) return;
    this.#unloadable = files.join();
    if (files.length === 0) return;
    const text = 'CNI configurations cannot be loaded; containerd stops at the first of them';
    this.#options.log.warn({ files }, text);
  }
}

// One pod of a lab: a network namespace and a cgroup, wired by the real CNI shim, with the process from its manifest.

import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { backoffMs } from '../base/backoff.ts';
import { NetworkNamespace } from '../kernel/namespace.ts';
import type { Address } from '../net/address.ts';
import { killCgroup, makeCgroup, removeCgroup } from './cgroup.ts';
import { callCni, PluginError, type PluginRequest } from './cni-call.ts';
import type { LabPodSpec } from './manifests.ts';
import { labProgram } from './paths.ts';
import type { LabNodeRecord, PodRecord } from './record.ts';
import { spawnInPlace } from './spawn.ts';
import { bringLoopbackUp } from './topology.ts';

export interface LabPodOptions {
  readonly spec: LabPodSpec;
  readonly node: Omit<LabNodeRecord, 'agent'>;
  readonly namespacePath: string;
  readonly cgroup: string;
  readonly log: string;
  readonly onChange: () => void;
  readonly onNote: (text: string) => void;
}

const tryLater = 11;

export class LabPod {
  readonly spec: LabPodSpec;
  readonly node: string;
  readonly uid: string = randomUUID();
  /** Settles when the pod's process runs or starting it was abandoned. Never rejects. */
  readonly started: Promise<void>;
  readonly #options: LabPodOptions;
  readonly #containerId = randomUUID().replaceAll('-', '');
  #addresses: readonly Address[] = [];
  #child: ChildProcess | undefined;
  #state: Pick<PodRecord, 'state' | 'problem'> = { state: 'starting' };
  #wanted = true;
  #failures = 0;

  constructor(options: LabPodOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.node = options.node.name;
    // As in a cluster, the Pod object exists before the pod starts.
    this.started = setImmediate()
      .then(() => this.#start())
      .catch((error: Error) => {
        this.#update({ state: 'waiting', problem: error.message });
        options.onNote(`pod ${this.spec.key}: ${error.message}`);
      });
  }

  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  /** Ends the process and removes the pod's network. Works without an agent, too. */
  async remove(): Promise<void> {
    this.#wanted = false;
    const { cgroup, namespacePath, onNote } = this.#options;
    await killCgroup(cgroup);
    await this.started;
    // Processes that were being started meanwhile.
    await killCgroup(cgroup);
    if (!this.spec.hostNetwork) {
      await callCni(this.#request('DEL')).catch((error: Error) => onNote(error.message));
      NetworkNamespace.remove(namespacePath);
    }
    removeCgroup(cgroup);
  }

  /** For the end of the whole lab: stops retrying. removeParts cleans up. */
  abandon(): void {
    this.#wanted = false;
  }

  record(): PodRecord {
    const { spec, node } = this;
    return {
      namespace: spec.namespace,
      name: spec.name,
      node,
      containerId: this.#containerId,
      namespacePath: this.#options.namespacePath,
      cgroup: this.#options.cgroup,
      addresses: this.#addresses,
      log: this.#options.log,
      pid: this.#child?.pid,
      echo: spec.command === undefined,
      ...this.#state,
    };
  }

  // Creates the namespace, adds the network and starts the process. Retries while the agent cannot serve.
  async #start(): Promise<void> {
    makeCgroup(this.#options.cgroup);
    if (!this.spec.hostNetwork) {
      using namespace = NetworkNamespace.create(this.#options.namespacePath);
      bringLoopbackUp(namespace);
    }
    await this.#join();
    if (this.#wanted) await this.#run();
  }

  async #join(): Promise<void> {
    const { node, onNote } = this.#options;
    if (this.spec.hostNetwork) {
      this.#addresses = node.addresses;
      return;
    }
    for (let attempt = 1; this.#wanted; attempt++) {
      try {
        this.#addresses = await callCni(this.#request('ADD'));
        return;
      } catch (error) {
        if (!(error instanceof PluginError)) throw error;
        this.#update({ state: 'waiting', problem: error.message });
        if (attempt === 1) onNote(error.message);
        // A runtime sends DEL after every failed ADD before it tries again.
        if (error.code !== tryLater) await callCni(this.#request('DEL')).catch(() => []);
        await new Promise((resolve) =>
          setTimeout(resolve, backoffMs(attempt, { firstMs: 100, maxMs: 5000 })),
        );
      }
    }
  }

  async #run(): Promise<void> {
    const { spec } = this;
    const isEcho = spec.command === undefined;
    const log = openSync(this.#options.log, 'a');
    const child = spawnInPlace(this.#options, spec.command ?? labProgram('echo'), {
      stdio: ['ignore', log, log, isEcho ? 'pipe' : 'ignore'],
      detached: true,
      environment: {
        ...spec.environment,
        POD_NAMESPACE: spec.namespace,
        POD_NAME: spec.name,
        NODE_NAME: this.node,
        HEDDLE_READY_FD: '3',
      },
    });
    closeSync(log);
    this.#child = child;
    child.once('error', (error) => this.#options.onNote(`pod ${spec.key}: ${error.message}`));
    child.once('exit', (code, signal) => this.#ended(signal ?? `exit code ${code}`));
    // The echo server closes descriptor 3 when it listens. Other programs count as running immediately.
    const listening = child.stdio[3];
    if (listening instanceof Readable) await finished(listening.resume());
    this.#update(this.#child === child ? { state: 'running' } : this.#state);
  }

  #ended(how: string): void {
    this.#child = undefined;
    if (!this.#wanted) return;
    this.#failures += 1;
    const delayMs = backoffMs(this.#failures, { firstMs: 200, maxMs: 30_000 });
    this.#update({
      state: 'waiting',
      problem: `its process ended (${how}): see ${this.#options.log}`,
    });
    setTimeout(() => {
      if (this.#wanted) this.#run().catch((error: Error) => this.#options.onNote(error.message));
    }, delayMs);
  }

  #update(state: Pick<PodRecord, 'state' | 'problem'>): void {
    this.#state = state;
    this.#options.onChange();
  }

  #request(command: PluginRequest['command']): PluginRequest {
    const { namespacePath, node } = this.#options;
    const { namespace, name, portMappings } = this.spec;
    return {
      command,
      portMappings,
      containerId: this.#containerId,
      namespacePath,
      node,
      pod: { namespace, name, uid: this.uid },
    };
  }
}

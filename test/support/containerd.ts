// Debian's containerd in a node of a lab, with all its files in one temporary folder, an image made of busybox, and
// `ctr run --cni`, which calls CNI plugins as a runtime does.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shimPath } from '../../src/lab/paths.ts';
import type { LabNodeRecord } from '../../src/lab/record.ts';
import { exitOf, type Finished, runInPlace, spawnInPlace } from '../../src/lab/spawn.ts';
import { buildImage, imageName } from './container-image.ts';
import { eventuallyDefined } from './lab.ts';

export class Containerd {
  readonly node: LabNodeRecord;
  readonly folder: string;
  #daemon: ChildProcess;
  #daemonEnded: Promise<number>;
  /** Container id -> the end of its `ctr run`. */
  readonly #running = new Map<string, Promise<number>>();
  readonly #detached = new Set<string>();

  private constructor(node: LabNodeRecord, folder: string, daemon: ChildProcess) {
    this.node = node;
    this.folder = folder;
    this.#daemon = daemon;
    this.#daemonEnded = exitOf(daemon);
  }

  /** Starts the daemon in the node and imports the image. */
  static async start(node: LabNodeRecord): Promise<Containerd> {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-containerd-'));
    writeConfiguration(folder, node);
    const containerd = new Containerd(node, folder, startDaemon(node, folder));
    const archive = buildImage(folder);
    await containerd.#untilAnswering();
    const imported = await containerd.ctr(['images', 'import', archive]);
    assert.equal(imported.exitCode, 0, imported.stderr);
    return containerd;
  }

  /** `ctr run --cni`: returns when the container's first process runs; its network is ready before that. */
  async run(id: string, command: readonly string[]): Promise<void> {
    // Without a cgroup of its own it stays in the node's cgroup, like the daemon.
    const words = ['run', '--rm', '--cni', '--cgroup', '', imageName, id, ...command];
    const logFile = join(this.folder, `${id}.log`);
    const log = openSync(logFile, 'a');
    const child = spawnInPlace(this.node, this.#command(words), { stdio: ['ignore', log, log] });
    this.#running.set(id, exitOf(child));
    await eventuallyDefined(`container ${id} runs`, async () => {
      assert.equal(child.exitCode, null, `ctr run ended: ${readFileSync(logFile, 'utf8')}`);
      const { stdout } = await this.ctr(['task', 'ls']);
      return new RegExp(`^${id} .*RUNNING`, 'm').test(stdout) ? true : undefined;
    });
  }

  /** The same without a `ctr` that waits for the container's end: its network is not deleted. */
  async runDetached(id: string, command: readonly string[]): Promise<void> {
    const words = ['run', '--detach', '--cni', '--cgroup', '', imageName, id, ...command];
    const { exitCode, stderr } = await this.ctr(words);
    assert.equal(exitCode, 0, stderr);
    this.#detached.add(id);
  }

  /** Process id of a running container's first process. */
  async pidOf(id: string): Promise<number> {
    const { stdout } = await this.ctr(['task', 'ls']);
    const pid = new RegExp(`^${id} +(\\d+) +RUNNING`, 'm').exec(stdout)?.[1];
    assert(pid !== undefined, stdout);
    return Number(pid);
  }

  /** Resolves when `ctr run` has noticed the end of its container. */
  async ended(id: string): Promise<void> {
    await this.#running.get(id);
    this.#running.delete(id);
  }

  /** Containers keep running. */
  async restart(): Promise<void> {
    await this.#stopDaemon();
    this.#daemon = startDaemon(this.node, this.folder);
    this.#daemonEnded = exitOf(this.#daemon);
    await this.#untilAnswering();
  }

  /** Removes a container that has no `ctr` of its own. */
  async remove(id: string): Promise<void> {
    await this.ctr(['task', 'kill', '--signal', 'SIGKILL', id]);
    await eventuallyDefined(`container ${id} is removed`, async () => {
      await this.ctr(['task', 'rm', '--force', id]);
      const { exitCode } = await this.ctr(['container', 'rm', id]);
      return exitCode === 0 ? true : undefined;
    });
    this.#detached.delete(id);
  }

  /** Runs inside a running container. */
  exec(id: string, command: readonly string[]): Promise<Finished> {
    return this.ctr(['task', 'exec', '--exec-id', `e${process.hrtime.bigint()}`, id, ...command]);
  }

  /** Ends the container; `ctr run` then deletes its network and ends too. */
  async stop(id: string): Promise<void> {
    const ended = this.#running.get(id);
    assert(ended !== undefined, `container ${id} was not started here`);
    await this.ctr(['task', 'kill', '--signal', 'SIGKILL', id]);
    await ended;
    this.#running.delete(id);
  }

  ctr(words: readonly string[]): Promise<Finished> {
    return runInPlace(this.node, this.#command(words));
  }

  async close(): Promise<void> {
    for (const id of this.#running.keys()) await this.stop(id);
    for (const id of this.#detached) await this.remove(id);
    await this.#stopDaemon();
    rmSync(this.folder, { recursive: true });
  }

  async #stopDaemon(): Promise<void> {
    this.#daemon.kill('SIGTERM');
    await this.#daemonEnded;
  }

  async #untilAnswering(): Promise<void> {
    await eventuallyDefined('containerd answers', async () => {
      const { exitCode } = await this.ctr(['version']);
      return exitCode === 0 ? true : undefined;
    });
  }

  // `ctr run --cni` reads only /etc/cni/net.d and /opt/cni/bin: it gets its own view of both folders.
  #command(words: readonly string[]): readonly string[] {
    const script = [
      'mount --bind "$0/opt" /opt',
      'mount -t overlay -o "lowerdir=$0/etc:/etc" overlay /etc',
      'exec ctr -a "$0/containerd.sock" "$@"',
    ].join(' && ');
    return ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, this.folder, ...words];
  }
}

function startDaemon(node: LabNodeRecord, folder: string): ChildProcess {
  const log = openSync(join(folder, 'containerd.log'), 'a');
  return spawnInPlace(node, ['containerd', '-c', join(folder, 'config.toml')], {
    stdio: ['ignore', log, log],
  });
}

function writeConfiguration(folder: string, node: LabNodeRecord): void {
  for (const name of ['opt/cni/bin', 'etc/cni/net.d']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  copyFileSync(shimPath(), join(folder, 'opt/cni/bin/heddle-cni'));
  copyFileSync(node.conflist, join(folder, 'etc/cni/net.d/05-heddle.conflist'));
  const lines = [
    'version = 2',
    `root = "${folder}/root"`,
    `state = "${folder}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
    '[grpc]',
    `address = "${folder}/containerd.sock"`,
  ];
  writeFileSync(join(folder, 'config.toml'), `${lines.join('\n')}\n`);
}

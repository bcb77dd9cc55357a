// Debian's containerd in a node of a lab, with everything of its own in one temporary folder: an image made of busybox, and
// `ctr run --cni`, which calls CNI plugins as a runtime does.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shimPath } from '../../src/lab/paths.ts';
import type { NodeRecord } from '../../src/lab/record.ts';
import { exitOf, type Finished, runIn, spawnIn } from '../../src/lab/spawn.ts';
import { buildImage, imageName } from './container-image.ts';
import { eventually } from './lab.ts';

export class Containerd {
  readonly node: NodeRecord;
  readonly folder: string;
  readonly #daemon: ChildProcess;
  readonly #daemonEnded: Promise<number>;
  /** Container id -> the end of its `ctr run`. */
  readonly #running = new Map<string, Promise<number>>();

  private constructor(node: NodeRecord, folder: string, daemon: ChildProcess) {
    this.node = node;
    this.folder = folder;
    this.#daemon = daemon;
    this.#daemonEnded = exitOf(daemon);
  }

  /** Starts the daemon in the node and imports the image. */
  static async start(node: NodeRecord): Promise<Containerd> {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-containerd-'));
    writeConfiguration(folder, node);
    const log = openSync(join(folder, 'containerd.log'), 'a');
    const daemon = spawnIn(node, ['containerd', '-c', join(folder, 'config.toml')], {
      stdio: ['ignore', log, log],
    });
    const containerd = new Containerd(node, folder, daemon);
    const archive = buildImage(folder);
    await eventually('containerd answers', async () => {
      const { exitCode } = await containerd.ctr(['version']);
      return exitCode === 0 ? true : undefined;
    });
    const imported = await containerd.ctr(['images', 'import', archive]);
    assert.equal(imported.exitCode, 0, imported.stderr);
    return containerd;
  }

  /** `ctr run --cni`: returns when the container's first process runs; the network is there before it starts. */
  async run(id: string, command: readonly string[]): Promise<void> {
    // Without a cgroup of its own it stays in the node's, like the daemon.
    const words = ['run', '--rm', '--cni', '--cgroup', '', imageName, id, ...command];
    const log = openSync(join(this.folder, `${id}.log`), 'a');
    const child = spawnIn(this.node, this.#command(words), { stdio: ['ignore', log, log] });
    this.#running.set(id, exitOf(child));
    await eventually(`container ${id} runs`, async () => {
      assert.equal(child.exitCode, null, `ctr run ended: see ${this.folder}/${id}.log`);
      const { stdout } = await this.ctr(['task', 'ls']);
      return new RegExp(`^${id} .*RUNNING`, 'm').test(stdout) ? true : undefined;
    });
  }

  /** Inside a running container. */
  exec(id: string, command: readonly string[]): Promise<Finished> {
    return this.ctr(['task', 'exec', '--exec-id', `e${process.hrtime.bigint()}`, id, ...command]);
  }

  /** Ends the container; `ctr run` then takes its network away and ends too. */
  async stop(id: string): Promise<void> {
    const ended = this.#running.get(id);
    assert(ended !== undefined, `container ${id} was not started here`);
    await this.ctr(['task', 'kill', '--signal', 'SIGKILL', id]);
    await ended;
    this.#running.delete(id);
  }

  ctr(words: readonly string[]): Promise<Finished> {
    return runIn(this.node, this.#command(words));
  }

  async close(): Promise<void> {
    for (const id of this.#running.keys()) await this.stop(id);
    this.#daemon.kill('SIGTERM');
    await this.#daemonEnded;
    rmSync(this.folder, { recursive: true });
  }

  // `ctr run --cni` looks only into /etc/cni/net.d and /opt/cni/bin: it gets its own view of both folders.
  #command(words: readonly string[]): readonly string[] {
    const script = [
      'mount --bind "$0/opt" /opt',
      'mount -t overlay -o "lowerdir=$0/etc:/etc" overlay /etc',
      'exec ctr -a "$0/containerd.sock" "$@"',
    ].join(' && ');
    return ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, this.folder, ...words];
  }
}

function writeConfiguration(folder: string, node: NodeRecord): void {
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

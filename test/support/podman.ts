// Debian's podman 4 in a node of a lab, with all its files in one temporary folder: its CNI back end, which calls
// plugins itself (there is no daemon), and an image made of busybox.

import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeCgroup } from '../../src/lab/cgroup.ts';
import { shimPath } from '../../src/lab/paths.ts';
import type { LabNodeRecord } from '../../src/lab/record.ts';
import { type Finished, runInPlace } from '../../src/lab/spawn.ts';
import { buildImage, imageName } from './container-image.ts';
import { eventuallyDefined } from './lab.ts';

const cgroups = '/sys/fs/cgroup';

export class Podman {
  readonly node: LabNodeRecord;
  readonly folder: string;
  readonly #cgroup = `heddle-podman-${process.pid}`;

  private constructor(node: LabNodeRecord, folder: string) {
    this.node = node;
    this.folder = folder;
  }

  static async start(node: LabNodeRecord): Promise<Podman> {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-podman-'));
    const podman = new Podman(node, folder);
    writeConfiguration(folder, node);
    await podman.must('load', '-q', '-i', buildImage(folder));
    return podman;
  }

  /** `podman run -d` on our network: returns when the container's first process has started. */
  run(name: string, command: readonly string[], options: readonly string[] = []): Promise<string> {
    const place = ['--cgroup-parent', `/${this.#cgroup}`, '--network', 'heddle', '--name', name];
    return this.must('run', '-d', ...place, ...options, imageName, ...command);
  }

  /** Returns standard output; throws an Error if the command fails. */
  async must(...words: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.podman(words);
    assert.equal(exitCode, 0, `podman ${words.join(' ')}: ${stderr}`);
    return stdout.trim();
  }

  podman(words: readonly string[]): Promise<Finished> {
    const { folder } = this;
    const environment = {
      CONTAINERS_CONF: join(folder, 'containers.conf'),
      CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
    };
    return runInPlace(this.node, ['podman', ...words], { environment });
  }

  async close(): Promise<void> {
    await this.must('rm', '--all', '--force', '--time', '0');
    rmSync(this.folder, { recursive: true });
    // With cgroup v1, podman leaves its parent in every hierarchy.
    for (const hierarchy of ['', ...readdirSync(cgroups)]) {
      const parent = join(cgroups, hierarchy, this.#cgroup);
      await eventuallyDefined(`${parent} is empty`, () => isRemoved(parent));
    }
  }
}

/** A process that has just ended may still count. */
function isRemoved(cgroup: string): true | undefined {
  try {
    if (existsSync(cgroup)) removeCgroup(cgroup);
    return true;
  } catch {
    return undefined;
  }
}

/** The lab's network, whose own pods need no capabilities, with the options that podman may pass on. */
function withCapabilities(conflist: string): string {
  const list = JSON.parse(readFileSync(conflist, 'utf8')) as {
    readonly plugins: readonly object[];
  };
  const capabilities = { portMappings: true, ips: true, mac: true };
  return JSON.stringify({
    ...list,
    plugins: list.plugins.map((each) => ({ ...each, capabilities })),
  });
}

function writeConfiguration(folder: string, node: LabNodeRecord): void {
  for (const name of ['bin', 'net.d']) mkdirSync(join(folder, name));
  copyFileSync(shimPath(), join(folder, 'bin/heddle-cni'));
  writeFileSync(join(folder, 'net.d/05-heddle.conflist'), withCapabilities(node.conflist));
  writeFileSync(
    join(folder, 'containers.conf'),
    `[network]
network_backend = "cni"
cni_plugin_dirs = ["${folder}/bin"]
network_config_dir = "${folder}/net.d"
default_network = "heddle"
[containers]
# Podman's own defaults are more than a machine in a sandbox may give.
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
tmp_dir = "${folder}/tmp"
volume_path = "${folder}/volumes"
`,
  );
  writeFileSync(
    join(folder, 'storage.conf'),
    `[storage]
driver = "vfs"
graphroot = "${folder}/storage"
runroot = "${folder}/run"
`,
  );
}

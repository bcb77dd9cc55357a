// The minimum cost of any CNI plugin that gives pods veth pairs: the kernel's part of an ADD and of a DEL by batched
// netlink, executed as plugins are, without records, address management, checks or agent
// (bench/programs/bare_plugin.c).

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import type { Plugin } from '../load/cni-calls.ts';
import type { Topology } from './topology.ts';

const executable = fileURLToPath(new URL('../programs/bare_plugin', import.meta.url));
const object = fileURLToPath(new URL('../programs/redirect_only.bpf.o', import.meta.url));

/** `name` distinguishes several plugins of one run. The container ids of its pods must end with a number. */
export function barePlugin(topology: Topology, name = 'kernel alone'): Plugin {
  const place = topology.namespace(name.replaceAll(/[ ,]+/g, '-'));
  const programs = `/sys/fs/bpf/${place.namespacePath.replace(/.*\//, '')}`;
  pinPrograms(programs);
  topology.use({ [Symbol.dispose]: () => rmSync(programs, { recursive: true }) });
  return {
    name,
    namespacePath: place.namespacePath,
    executable,
    configuration: { cniVersion: '1.0.0', name: 'bench', type: 'bare', programs },
  };
}

// Any program will do: it is attached and receives no packet.
function pinPrograms(folder: string): void {
  using loaded = BpfObject.open(readFileSync(object));
  loaded.load();
  mkdirSync(folder);
  for (const name of ['from_pod', 'to_pod']) {
    using program = loaded.program('to_pod');
    program.pin(`${folder}/${name}`);
  }
}

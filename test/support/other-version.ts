// The data path as another version might have it, with fields at other offsets and values of other sizes, and the
// objects that an agent of that version would leave running.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EarlierTcx } from '../../src/datapath/attach/earlier-tcx.ts';
import { LinkAttacher } from '../../src/datapath/attach/links.ts';
import { attachByHook, BlockAttacher } from '../../src/datapath/attach/pod-blocks.ts';
import type { InterfaceAttachment } from '../../src/datapath/attacher.ts';
import { hookPoints } from '../../src/datapath/hooks.ts';
import { installObject } from '../../src/datapath/load/install.ts';
import type { MapSizes } from '../../src/datapath/load/map-set.ts';
import { pinPaths } from '../../src/datapath/load/pins.ts';
import { BpfProgram } from '../../src/kernel/bpf/program.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { throwFirst } from '../../src/kernel/netlink/batch.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { attachBesideFilters } from './earlier-tcx.ts';

const sources = fileURLToPath(new URL('../../../bpf', import.meta.url));

/** The parts of shared.h, in this order. */
const sharedHeaders = ['address', 'tables', 'services', 'sockets', 'flow', 'events'].map(
  (noun) => `shared-${noun}.h`,
);

/** The compiled object; works in `folder`. */
export function otherVersion(folder: string): Uint8Array {
  return otherLayout(folder, '__u64 another;').object;
}

export interface OtherLayout {
  readonly object: Uint8Array;
  /** The text of the changed file, shared.h in one piece. */
  readonly header: string;
}

/** The data path with one more member at the start of the structs that maps hold; works in `folder`. */
export function otherLayout(folder: string, member: string): OtherLayout {
  const structs = ['location', 'endpoint', 'route', 'flow', 'drop_counter'];
  return compiledWith(folder, (header) =>
    structs.reduce((text, name) => {
      const start = `struct ${name} {\n`;
      assert.ok(text.includes(start), start);
      return text.replace(start, `${start}\t${member}\n`);
    }, header),
  );
}

/** The data path with the changes that `edit` makes in its shared.h, or in another of its files; works in `folder`. */
export function compiledWith(
  folder: string,
  edit: (header: string) => string,
  file = 'shared.h',
): OtherLayout {
  const copy = join(folder, 'bpf');
  fs.cpSync(sources, copy, { recursive: true });
  const text = edit(file === 'shared.h' ? sharedHeader(copy) : read(copy, file));
  fs.writeFileSync(join(copy, file), text);
  const object = join(copy, 'other.o');
  const multiarch = execFileSync('clang', ['-print-multiarch'], { encoding: 'utf8' }).trim();
  const words = ['-target', 'bpf', '-mcpu=v3', '-O2', '-g', `-I/usr/include/${multiarch}`];
  execFileSync('clang', [...words, '-c', join(copy, 'datapath.bpf.c'), '-o', object]);
  return { object: fs.readFileSync(object), header: text };
}

/** In one piece: nothing includes the parts but shared.h and each other. */
function sharedHeader(folder: string): string {
  const parts = sharedHeaders.map((name) => read(folder, name)).join('\n');
  return parts.replaceAll(/^#include "shared-.*$/gm, '');
}

function read(folder: string, file: string): string {
  return fs.readFileSync(join(folder, file), 'utf8');
}

export interface OtherVersion {
  readonly object: Uint8Array;
  readonly sizes: MapSizes;
  readonly pinDir: string;
  readonly namespace: NetworkNamespace;
  /** The attachments whose programs are replaced. */
  readonly attachments: readonly InterfaceAttachment[];
}

/** No agent may run. As in earlier versions, `from_pod` is also attached by tcx. Returns which maps were replaced. */
export function runOtherVersion(version: OtherVersion): readonly string[] {
  const { object, sizes, pinDir, namespace, attachments } = version;
  const paths = pinPaths(pinDir);
  const constants = { events_per_second_per_cpu: 1000 };
  const { objectHash, replaced } = installObject({ object, sizes, constants }, paths);
  using socket = NetlinkSocket.open({ namespace });
  const opened: BpfProgram[] = [];
  const program = (hook: string): BpfProgram => {
    const found = BpfProgram.openPinned(join(paths.programs(objectHash), hook));
    opened.push(found);
    return found;
  };
  const filters = new BlockAttacher({ socket, program });
  const attacher = attachByHook({
    pods: new EarlierTcx({ filters, folder: paths.links, program }),
    links: new LinkAttacher({ folder: paths.links, hooks: hookPoints, program }),
  });
  namespace.run(() => {
    throwFirst(attacher.attachAll(attachments));
    for (const { ifIndex, hook } of attachments) {
      if (hook !== 'from_pod') continue;
      attachBesideFilters({ namespace, ifIndex }, program(hook));
    }
  });
  for (const each of opened) each[Symbol.dispose]();
  return replaced;
}

// Test runs of frames with VLAN tags: test/bpf/tagged.bpf.c adds them first, because a test run cannot pass them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { UndoStack } from '../../src/base/undo.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import type { BpfProgram } from '../../src/kernel/bpf/program.ts';
import type { SkBuffContext } from '../../src/kernel/bpf/sk-buff.ts';
import { u32 } from '../../src/kernel/codec.ts';

/** A tag of IEEE 802.1Q or 802.1ad. */
export interface VlanTag {
  readonly type: number;
  /** 0: a priority without a VLAN. */
  readonly vlan: number;
}

/** A program that tags its frame according to `tagBlock`, and continues with `inner`. */
export function tagged(inner: BpfProgram, opened: UndoStack): BpfProgram {
  const name = 'tagged';
  const object = opened.use(BpfObject.open(readFileSync(`dist/test/bpf/${name}.bpf.o`), { name }));
  object.load();
  const programs = opened.use(
    object.map({ name: 'tagged_program', type: 'prog_array', key: u32, value: u32, maxEntries: 1 }),
  );
  programs.set(0, inner.fd);
  return opened.use(object.program(name));
}

/** `tags`: outermost first. */
export function tagBlock(tags: readonly VlanTag[]): Required<SkBuffContext>['controlBlock'] {
  const words = tags.map(({ type, vlan }) => type * 0x10000 + vlan).reverse();
  const [a = 0, b = 0, c = 0, d = 0, e = 0, ...more] = words;
  assert.equal(more.length, 0, 'at most five tags');
  return [a, b, c, d, e];
}

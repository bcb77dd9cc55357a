// Test runs of from_overlay: test/bpf/tunnelled.bpf.c first gives the packet the metadata of a tunnel.

import { readFileSync } from 'node:fs';
import type { UndoStack } from '../../src/base/undo.ts';
import { mappedAddress } from '../../src/kernel/address-codec.ts';
import { BpfObject } from '../../src/kernel/bpf/object.ts';
import type { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { type Codec, u32 } from '../../src/kernel/codec.ts';
import type { Address } from '../../src/net/address.ts';
import { otherTunnelEnds, places, tunnelVni } from './datapath-network.ts';

/** The headers around the packet in the tunnel. */
export interface OuterHeader {
  readonly source: Address;
  readonly destination: Address;
  readonly vni: number;
  /** The packet came from no tunnel. */
  readonly absent?: boolean;
}

/** The headers from the node with the pods of `places.tunnelled`. */
export const usualOuter: OuterHeader = {
  source: otherTunnelEnds.tunnelled,
  destination: places.node[4],
  vni: tunnelVni,
};

const codec: Codec<OuterHeader> = {
  size: 40,
  encode({ source, destination, vni, absent = false }, into, offset) {
    mappedAddress.encode(source, into, offset);
    mappedAddress.encode(destination, into, offset + 16);
    u32.encode(vni, into, offset + 32);
    u32.encode(absent ? 1 : 0, into, offset + 36);
  },
  decode: (from, offset) => ({
    source: mappedAddress.decode(from, offset),
    destination: mappedAddress.decode(from, offset + 16),
    vni: u32.decode(from, offset + 32),
    absent: u32.decode(from, offset + 36) === 1,
  }),
};

export type IdleName = 'nothing' | 'nothing_out_of_tunnel';

export interface OutOfTunnel {
  /** Runs the inner program on a packet with the header that was set last. */
  readonly program: BpfProgram;
  /** For measurements: the same around a program that does nothing, and that program alone. */
  readonly idle: Readonly<Record<IdleName, BpfProgram>>;
  set(outer: OuterHeader): void;
}

/** `inner`: from_overlay. */
export function outOfTunnel(inner: BpfProgram, opened: UndoStack): OutOfTunnel {
  const name = 'tunnelled';
  const object = opened.use(BpfObject.open(readFileSync(`dist/test/bpf/${name}.bpf.o`), { name }));
  object.load();
  const single = { key: u32, maxEntries: 1 };
  const programs = opened.use(
    object.map({ ...single, maxEntries: 2, name: 'inner_program', type: 'prog_array', value: u32 }),
  );
  const program = (name: IdleName | 'out_of_tunnel') => opened.use(object.program(name));
  const nothing = program('nothing');
  programs.set(0, inner.fd);
  programs.set(1, nothing.fd);
  const header = opened.use(
    object.map({ ...single, name: 'outer_header', type: 'array', value: codec }),
  );
  let last: OuterHeader | undefined;
  const set = (outer: OuterHeader): void => {
    if (outer === last) return;
    header.set(0, outer);
    last = outer;
  };
  set(usualOuter);
  const idle = { nothing, nothing_out_of_tunnel: program('nothing_out_of_tunnel') };
  return { program: program('out_of_tunnel'), idle, set };
}

// Each verb's bytes, compared once with what iproute2 6.1 sends for the same purpose (strace), except for the order of
// attributes, zero bytes at the end of names and the NLA_F_NESTED bit, which the kernel ignores.

import {
  add,
  change,
  dump,
  ifIndex,
  replace,
  testVerbs,
} from '../../../test/support/verb-bytes.ts';
import { listBlockFilters, replaceBlockFilter } from './block-filter.ts';
import { listLinkFilters } from './link-filter.ts';
import { addClsact, delClsact, listClsact } from './qdisc.ts';
import { addTbf, delTbf, replaceTbf } from './tbf.ts';

const bucket = {
  ifIndex,
  bytesPerSecond: 1_250_000,
  burstBytes: 100_000,
  queueBytes: 200_000,
} as const;

testVerbs([
  {
    name: 'tc qdisc add dev X ingress_block 7 egress_block 8 clsact',
    call: (socket) => addClsact(socket, ifIndex, { ingress: 7, egress: 8 }),
    type: 36,
    flags: add,
    payload: [
      '00000000 07000000 0000ffff f1ffffff 00000000',
      '0b000100 636c7361637400 00',
      '08000d00 07000000',
      '08000e00 08000000',
    ],
  },
  {
    name: 'tc qdisc delete dev X clsact',
    call: (socket) => delClsact(socket, ifIndex),
    type: 37,
    flags: change,
    payload: ['00000000 07000000 0000ffff f1ffffff 00000000'],
  },
  {
    name: 'tc qdisc show',
    call: listClsact,
    type: 38,
    flags: dump,
    payload: ['00000000 00000000 00000000 00000000 00000000'],
  },
  {
    name: 'tc qdisc add dev X root tbf rate 1250000bps burst 100000 limit 200000',
    call: (socket) => addTbf(socket, bucket),
    type: 36,
    flags: add,
    payload: [
      '00000000 07000000 00000000 ffffffff 00000000',
      '08000100 74626600',
      '34000280',
      '28000100 00010000 00000000 d0121300 00000000 00000000 00000000 400d0300 00000000 00000000',
      '08000600 a0860100',
    ],
  },
  {
    name: 'tc qdisc replace dev X root tbf rate 80gbit burst 100000 limit 200000',
    call: (socket) => replaceTbf(socket, { ...bucket, bytesPerSecond: 1e10 }),
    type: 36,
    flags: replace,
    payload: [
      '00000000 07000000 00000000 ffffffff 00000000',
      '08000100 74626600',
      '40000280',
      '28000100 00010000 00000000 ffffffff 00000000 00000000 00000000 400d0300 00000000 00000000',
      '08000600 a0860100',
      '0c000400 00e40b5402000000',
    ],
  },
  {
    name: 'tc qdisc delete dev X root',
    call: (socket) => delTbf(socket, ifIndex),
    type: 37,
    flags: change,
    payload: ['00000000 07000000 00000000 ffffffff 00000000'],
  },
  {
    name: 'tc filter replace block 7 prio 1 handle 2 bpf direct-action fd 9',
    call: (socket) =>
      replaceBlockFilter(socket, { block: 7, priority: 1, handle: 2 }, { fd: 9, name: 'from_pod' }),
    type: 44,
    flags: 0x405,
    payload: [
      '00000000 ffffffff 02000000 07000000 00030100',
      '08000100 62706600',
      '24000280',
      '08000600 09000000',
      '0d000700 66726f6d5f706f6400 000000',
      '08000800 01000000',
    ],
  },
  {
    name: 'tc filter show block 7',
    call: (socket) => listBlockFilters(socket, 7),
    type: 46,
    flags: dump,
    payload: ['00000000 ffffffff 00000000 07000000 00000000'],
  },
  {
    name: 'tc filter show dev X egress',
    call: (socket) => listLinkFilters(socket, ifIndex, 'egress'),
    type: 46,
    flags: dump,
    payload: ['00000000 07000000 00000000 f3ffffff 00000000'],
  },
]);

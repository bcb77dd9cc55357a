// The kernel's program types (uapi linux/bpf.h, enum bpf_prog_type) under libbpf's names, with the first release of
// each.

/** `number`: its number in bpf(2); `minimumKernel`: the first release that has it. */
export const programTypes = {
  socket_filter: { number: 1, minimumKernel: '3.19' },
  kprobe: { number: 2, minimumKernel: '4.1' },
  sched_cls: { number: 3, minimumKernel: '4.1' },
  sched_act: { number: 4, minimumKernel: '4.1' },
  tracepoint: { number: 5, minimumKernel: '4.7' },
  xdp: { number: 6, minimumKernel: '4.8' },
  perf_event: { number: 7, minimumKernel: '4.9' },
  cgroup_skb: { number: 8, minimumKernel: '4.10' },
  cgroup_sock: { number: 9, minimumKernel: '4.10' },
  lwt_in: { number: 10, minimumKernel: '4.10' },
  lwt_out: { number: 11, minimumKernel: '4.10' },
  lwt_xmit: { number: 12, minimumKernel: '4.10' },
  sock_ops: { number: 13, minimumKernel: '4.13' },
  sk_skb: { number: 14, minimumKernel: '4.14' },
  cgroup_device: { number: 15, minimumKernel: '4.15' },
  sk_msg: { number: 16, minimumKernel: '4.17' },
  raw_tracepoint: { number: 17, minimumKernel: '4.17' },
  cgroup_sock_addr: { number: 18, minimumKernel: '4.17' },
  lwt_seg6local: { number: 19, minimumKernel: '4.18' },
  lirc_mode2: { number: 20, minimumKernel: '4.18' },
  sk_reuseport: { number: 21, minimumKernel: '4.19' },
  flow_dissector: { number: 22, minimumKernel: '4.20' },
  cgroup_sysctl: { number: 23, minimumKernel: '5.2' },
  raw_tracepoint_writable: { number: 24, minimumKernel: '5.2' },
  cgroup_sockopt: { number: 25, minimumKernel: '5.3' },
  tracing: { number: 26, minimumKernel: '5.5' },
  struct_ops: { number: 27, minimumKernel: '5.6' },
  ext: { number: 28, minimumKernel: '5.6' },
  lsm: { number: 29, minimumKernel: '5.7' },
  sk_lookup: { number: 30, minimumKernel: '5.9' },
  syscall: { number: 31, minimumKernel: '5.14' },
  netfilter: { number: 32, minimumKernel: '6.4' },
} as const;

export type ProgramType = keyof typeof programTypes;

/** undefined for a type that is not in this table. */
export function programTypeFromNumber(number: number): ProgramType | undefined {
  return byNumber.get(number);
}

const byNumber = new Map<number, ProgramType>(
  Object.entries(programTypes).map(([name, { number }]) => [number, name as ProgramType]),
);

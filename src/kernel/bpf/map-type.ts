// The kernel's map types (uapi linux/bpf.h, enum bpf_map_type) under bpftool's names, with the first release of each.

/** `number`: its number in bpf(2); `minimumKernel`: the first release that has it. */
export const mapTypes = {
  hash: { number: 1, minimumKernel: '3.19' },
  array: { number: 2, minimumKernel: '3.19' },
  prog_array: { number: 3, minimumKernel: '4.2' },
  perf_event_array: { number: 4, minimumKernel: '4.3' },
  percpu_hash: { number: 5, minimumKernel: '4.6' },
  percpu_array: { number: 6, minimumKernel: '4.6' },
  stack_trace: { number: 7, minimumKernel: '4.6' },
  cgroup_array: { number: 8, minimumKernel: '4.8' },
  lru_hash: { number: 9, minimumKernel: '4.10' },
  lru_percpu_hash: { number: 10, minimumKernel: '4.10' },
  lpm_trie: { number: 11, minimumKernel: '4.11' },
  array_of_maps: { number: 12, minimumKernel: '4.12' },
  hash_of_maps: { number: 13, minimumKernel: '4.12' },
  devmap: { number: 14, minimumKernel: '4.14' },
  sockmap: { number: 15, minimumKernel: '4.14' },
  cpumap: { number: 16, minimumKernel: '4.15' },
  xskmap: { number: 17, minimumKernel: '4.18' },
  sockhash: { number: 18, minimumKernel: '4.18' },
  cgroup_storage: { number: 19, minimumKernel: '4.19' },
  reuseport_sockarray: { number: 20, minimumKernel: '4.19' },
  percpu_cgroup_storage: { number: 21, minimumKernel: '4.20' },
  queue: { number: 22, minimumKernel: '4.20' },
  stack: { number: 23, minimumKernel: '4.20' },
  sk_storage: { number: 24, minimumKernel: '5.2' },
  devmap_hash: { number: 25, minimumKernel: '5.4' },
  struct_ops: { number: 26, minimumKernel: '5.6' },
  ringbuf: { number: 27, minimumKernel: '5.8' },
  inode_storage: { number: 28, minimumKernel: '5.10' },
  task_storage: { number: 29, minimumKernel: '5.11' },
  bloom_filter: { number: 30, minimumKernel: '5.16' },
  user_ringbuf: { number: 31, minimumKernel: '6.1' },
  cgrp_storage: { number: 32, minimumKernel: '6.2' },
  arena: { number: 33, minimumKernel: '6.9' },
} as const;

export type MapType = keyof typeof mapTypes;

/** undefined for a type that is not in this table. */
export function mapTypeFromNumber(number: number): MapType | undefined {
  return byNumber.get(number);
}

/** Types whose value is an array with one slot per possible CPU. */
export function isPerCpu(type: MapType): boolean {
  return type === 'percpu_hash' || type === 'percpu_array' || type === 'lru_percpu_hash';
}

const byNumber = new Map<number, MapType>(
  Object.entries(mapTypes).map(([name, { number }]) => [number, name as MapType]),
);
